import { describe, expect, it } from 'vitest';
import { outline, projection, signed, strongestAlong } from './layers';
import { canonical, toMillimetres, toVoxel } from './space';
import { quantile, readable, reachOf } from './statistics';
import type { Volume } from './volume';

function volume(shape: [number, number, number], affine: number[][]): Volume {
  const data = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, index) => index);
  return { shape, channels: 1, spacing: [1, 2, 3], affine, data };
}

/** Left, superior, anterior: flipped and permuted. */
const LSA = [
  [-1, 0, 0, 10],
  [0, 0, 3, -5],
  [0, 2, 0, 7],
  [0, 0, 0, 1],
];

describe('space', () => {
  it('goes to mm and back', () => {
    const one = volume(
      [3, 4, 5],
      [
        [1, 0.1, 0, 3],
        [0, 2, 0.2, -1],
        [0.1, 0, 3, 4],
        [0, 0, 0, 1],
      ],
    );
    const back = toVoxel(one, toMillimetres(one, [1, 2, 3]));
    back.forEach((value, axis) => expect(value).toBeCloseTo([1, 2, 3][axis]!, 10));
  });

  it('turns axes to right, anterior, superior, and keeps every voxel in its place', () => {
    const one = volume([3, 4, 5], LSA);
    const turned = canonical(one);
    expect(turned.shape).toEqual([3, 5, 4]);
    const place = toMillimetres(one, [2, 1, 4]);
    const [x, y, z] = toVoxel(turned, place).map(Math.round) as [number, number, number];
    expect(turned.data[(z * 5 + y) * 3 + x]).toBe(one.data[(4 * 4 + 1) * 3 + 2]);
  });
});

describe('layers', () => {
  const plain = volume(
    [3, 3, 3],
    [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
  );

  it('outlines regions, not what lies inside them', () => {
    const full = { ...plain, shape: [5, 5, 1] as [number, number, number], data: new Float32Array(25) };
    for (let y = 1; y < 4; y++) for (let x = 1; x < 4; x++) full.data[y * 5 + x] = 1;
    const edge = outline(full);
    expect(edge.data[12]).toBe(0);
    expect(edge.data.reduce((sum, value) => sum + value, 0)).toBe(8);
  });

  it('projects the strongest value with its sign', () => {
    const one = { ...plain, data: Float32Array.from({ length: 27 }, (_, index) => (index === 13 ? -9 : 1)) };
    expect(projection(one, 2).data[4]).toBe(-9);
    expect(projection(one, 0).data[0]).toBe(1);
    expect(strongestAlong(one, 2, [1, 1, 0])).toBe(1);
  });

  it('picks signs', () => {
    const one = { ...plain, data: Float32Array.from([-2, 0, 3]) };
    expect([...signed(one, 'positive').data]).toEqual([0, 0, 3]);
    expect([...signed(one, 'negative').data].map((value) => value + 0)).toEqual([-2, 0, 0]);
    expect([...signed(one, 'magnitude').data]).toEqual([2, 0, 3]);
  });
});

describe('statistics', () => {
  it('is robust, and says numbers for people', () => {
    const data = Float32Array.from({ length: 1001 }, (_, index) => index);
    expect(quantile(data, 0.5)).toBe(500);
    expect(reachOf(new Float32Array(10))).toBe(1);
    expect(readable(0.000012345)).toBe('1.23·10⁻⁵');
    expect(readable(12.3456)).toBe('12.3');
    expect(readable(null)).toBe('–');
  });
});
