import { describe, expect, it } from 'vitest';
import { planesOf } from './cascade';

/** Values as the server sends them. */
function packed(values: number[]): string {
  return btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(values).buffer)));
}

function step(...values: number[][]) {
  const views = values.map((one, index) => ({
    name: `view ${index}`,
    width: 2,
    height: one.length / 2,
    spacing: [2, 3] as [number, number],
    marks: ['R', 'L', 'A', 'P'],
    values: packed(one),
  }));
  return { steps: ['original', 'head'], similarity: [1, 0.2], views };
}

describe('pictures of a cascade', () => {
  it('share a scale, and show the sign that is wanted', () => {
    const found = planesOf(step([1, -2], [4, 0, 0, 0]), 'negative');
    expect(found.map((one) => [...one.plane.data])).toEqual([
      [0, -2],
      [0, 0, 0, 0],
    ]);
    expect(found.map((one) => one.reach)).toEqual([found[0]!.reach, found[0]!.reach]);
    expect(found[0]!.reach).toBeGreaterThan(2);
    expect(found[0]!.diverging).toBe(true);
  });

  it('of magnitudes stay as they are', () => {
    const [picture] = planesOf(step([1, 2]), 'negative');
    expect([...picture!.plane.data]).toEqual([1, 2]);
    expect(picture!.diverging).toBe(false);
  });
});
