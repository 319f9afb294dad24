import { beforeEach, describe, expect, it, vi } from 'vitest';
import { paint, type Painting } from './paint';

beforeEach(() => {
  const image = class {
    readonly data: Uint8ClampedArray;
    constructor(
      readonly width: number,
      readonly height: number,
    ) {
      this.data = new Uint8ClampedArray(width * height * 4);
    }
  };
  vi.stubGlobal('ImageData', image);
});

function painting(window: [number, number]): Painting {
  const plane = (...data: number[]) => ({
    width: 2,
    height: 1,
    spacing: [1, 1] as [number, number],
    data: Float32Array.from(data),
  });
  return {
    base: [plane(1, 1)],
    window,
    map: plane(2, 0),
    palette: 'magma',
    diverging: false,
    reach: 2,
    threshold: 0.1,
    opacity: 1,
    outlines: [],
  };
}

describe('a painting', () => {
  it('shows the map over its image', () => {
    expect([...paint(painting([0, 1]), false, false).data]).toEqual([252, 253, 191, 255, 255, 255, 255, 255]);
  });

  it('shows the map alone, on black, where the image is switched off', () => {
    const { data } = paint(painting([Infinity, Infinity]), false, false);
    expect([...data]).toEqual([252, 253, 191, 255, 0, 0, 0, 255]);
  });
});
