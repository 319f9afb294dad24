import type { Volume } from './volume';

export type Point = [number, number, number];

/** Where a voxel lies in the scanner's space, in mm. */
export function toMillimetres({ affine }: Volume, voxel: Point): Point {
  return [0, 1, 2].map((row) =>
    [0, 1, 2].reduce((sum, column) => sum + affine[row]![column]! * voxel[column]!, affine[row]![3]!),
  ) as Point;
}

/** The voxel, not rounded, at a place in mm. */
export function toVoxel({ affine }: Volume, place: Point): Point {
  const [a, b, c] = affine as [number[], number[], number[]];
  const shifted = [place[0] - a[3]!, place[1] - b[3]!, place[2] - c[3]!];
  const cofactors = [cross(b, c), cross(c, a), cross(a, b)];
  const determinant = dot(a, cofactors[0]!);
  return [0, 1, 2].map(
    (axis) =>
      cofactors.reduce((sum, cofactor, row) => sum + cofactor[axis]! * shifted[row]!, 0) / determinant,
  ) as Point;
}

function cross(a: number[], b: number[]): Point {
  return [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
}

function dot(a: number[], b: number[]): number {
  return a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
}

/** Which voxel axis runs closest to right, anterior and superior, and whether it runs the other way. */
export function orientation({ affine }: Volume): { axis: number; flipped: boolean }[] {
  const left = [0, 1, 2];
  return [0, 1, 2].map((world) => {
    const axis = left.reduce((best, one) =>
      Math.abs(affine[world]![one]!) > Math.abs(affine[world]![best]!) ? one : best,
    );
    left.splice(left.indexOf(axis), 1);
    return { axis, flipped: affine[world]![axis]! < 0 };
  });
}

/** The volume with its axes towards right, anterior and superior; oblique ones to the nearest. */
export function canonical(volume: Volume): Volume {
  const axes = orientation(volume);
  if (axes.every(({ axis, flipped }, world) => axis === world && !flipped)) return volume;
  const shape = axes.map(({ axis }) => volume.shape[axis]!) as Point;
  const strides = [1, volume.shape[0], volume.shape[0] * volume.shape[1]];
  const steps = axes.map(({ axis, flipped }) => (flipped ? -strides[axis]! : strides[axis]!));
  const start = axes.reduce(
    (sum, { axis, flipped }) => sum + (flipped ? strides[axis]! * (volume.shape[axis]! - 1) : 0),
    0,
  );
  const count = shape[0] * shape[1] * shape[2];
  const data = new Float32Array(count);
  let index = 0;
  for (let z = 0; z < shape[2]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[0]; x++)
        data[index++] = volume.data[start + x * steps[0]! + y * steps[1]! + z * steps[2]!]!;
  const corner = [0, 1, 2].map((own) => {
    const world = axes.findIndex(({ axis }) => axis === own);
    return axes[world]!.flipped ? volume.shape[own]! - 1 : 0;
  }) as Point;
  const origin = toMillimetres(volume, corner);
  const affine = [0, 1, 2].map((row) => [
    ...axes.map(({ axis, flipped }) => volume.affine[row]![axis]! * (flipped ? -1 : 1)),
    origin[row]!,
  ]);
  return {
    shape,
    channels: 1,
    spacing: axes.map(({ axis }) => volume.spacing[axis]!) as Point,
    affine: [...affine, [0, 0, 0, 1]],
    data,
  };
}
