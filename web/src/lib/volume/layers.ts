import { isFlat, withData, type Volume } from './volume';

/** Which values of a map are shown. */
export type Sign = 'both' | 'positive' | 'negative' | 'magnitude';

const PICKS: Record<Sign, (value: number) => number> = {
  both: (value) => value,
  positive: (value) => Math.max(0, value),
  negative: (value) => Math.min(0, value),
  magnitude: Math.abs,
};

/** Values as they are coloured: what is not shown becomes zero. */
export function picked(data: Float32Array, sign: Sign): Float32Array {
  return sign === 'both' ? data : data.map(PICKS[sign]);
}

/** The map's values as they are coloured. */
export function signed(map: Volume, sign: Sign): Volume {
  return sign === 'both' ? map : withData(map, picked(map.data, sign));
}

/** Where a segmentation has a class: 1, elsewhere 0. */
export function classOf(regions: Volume, number: number): Volume {
  return withData(
    regions,
    regions.data.map((value) => Number(value === number)),
  );
}

/** The outline of every region of a segmentation: its voxels beside a region of a lower number, or beside none. */
export function outline(regions: Volume): Volume {
  const [width, height, depth] = regions.shape;
  const { data } = regions;
  const edge = new Float32Array(width * height * depth);
  const steps = isFlat(regions) ? [1, width] : [1, width, width * height];
  const limits = [width, height, depth];
  for (let index = 0; index < edge.length; index++) {
    const value = data[index]!;
    if (value <= 0) continue;
    const place = [index % width, Math.floor(index / width) % height, Math.floor(index / (width * height))];
    const inside = steps.every(
      (step, axis) =>
        (place[axis]! === 0 || data[index - step]! >= value) &&
        (place[axis]! === limits[axis]! - 1 || data[index + step]! >= value),
    );
    if (!inside) edge[index] = value;
  }
  return withData(regions, edge);
}

/** A plane cut out of, or projected through, a volume. */
export interface Plane {
  width: number;
  height: number;
  /** Millimetres of a pixel along both axes. */
  spacing: [number, number];
  data: Float32Array;
}

/** The axes that remain, and the one that is looked along: 0 sagittal, 1 coronal, 2 axial. */
const REMAINING: [number, number][] = [
  [1, 2],
  [0, 2],
  [0, 1],
];

/** The value of largest magnitude along an axis, its sign kept. */
export function projection(volume: Volume, axis: 0 | 1 | 2): Plane {
  const strides = [1, volume.shape[0], volume.shape[0] * volume.shape[1]];
  const [across, up] = REMAINING[axis]!;
  const [width, height] = [volume.shape[across!]!, volume.shape[up!]!];
  const data = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let strongest = 0;
      let at = column * strides[across!]! + row * strides[up!]!;
      for (let step = 0; step < volume.shape[axis]; step++, at += strides[axis]!) {
        const value = volume.data[at]!;
        if (Math.abs(value) > Math.abs(strongest)) strongest = value;
      }
      data[row * width + column] = strongest;
    }
  }
  return { width, height, spacing: [volume.spacing[across!]!, volume.spacing[up!]!], data };
}

/** How far along an axis the strongest value lies, on the line through a voxel. */
export function strongestAlong(volume: Volume, axis: 0 | 1 | 2, voxel: [number, number, number]): number {
  const strides = [1, volume.shape[0], volume.shape[0] * volume.shape[1]];
  const start = voxel.reduce((sum, place, one) => sum + (one === axis ? 0 : place * strides[one]!), 0);
  let best = 0;
  for (let step = 1; step < volume.shape[axis]; step++) {
    const [value, strongest] = [step, best].map((at) => Math.abs(volume.data[start + at * strides[axis]!]!));
    if (value! > strongest!) best = step;
  }
  return best;
}

/** The only plane of a flat volume. */
export function flatPlane(volume: Volume, channel = 0): Plane {
  const [width, height] = volume.shape;
  return {
    width,
    height,
    spacing: [volume.spacing[0], volume.spacing[1]],
    data: volume.data.subarray(channel * width * height, (channel + 1) * width * height),
  };
}
