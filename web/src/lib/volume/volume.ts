import * as nifti from 'nifti-reader-js';

/** A picture or volume on a grid, in memory. */
export interface Volume {
  /** Voxels along x, y, z, and channels. */
  shape: [number, number, number];
  channels: number;
  /** Millimetres of a voxel along x, y, z. */
  spacing: [number, number, number];
  /** Voxel to millimetre, rows. */
  affine: number[][];
  /** x fastest, then y, z, channel. */
  data: Float32Array;
}

const READERS: Record<number, (view: DataView, at: number) => number> = {
  2: (view, at) => view.getUint8(at),
  4: (view, at) => view.getInt16(at, true),
  8: (view, at) => view.getInt32(at, true),
  16: (view, at) => view.getFloat32(at, true),
  64: (view, at) => view.getFloat64(at, true),
  256: (view, at) => view.getInt8(at),
  512: (view, at) => view.getUint16(at, true),
  768: (view, at) => view.getUint32(at, true),
};

/**
 * A NIfTI file, packed or not, as a volume.
 *
 * Throws where the file is not NIfTI, is big-endian, or holds a type that has no place here.
 */
export async function readNifti(file: ArrayBuffer): Promise<Volume> {
  const bytes = isPacked(file) ? await unpack(file) : file;
  if (!nifti.isNIFTI(bytes)) throw new Error('This file is not NIfTI.');
  const header = nifti.readHeader(bytes);
  if (!header || !header.littleEndian) throw new Error('This NIfTI file cannot be shown.');
  const [, x = 1, y = 1, z = 1, t = 1, c = 1] = header.dims;
  const count = x * Math.max(1, y) * Math.max(1, z);
  const channels = Math.max(1, t) * Math.max(1, c);
  return {
    shape: [x, Math.max(1, y), Math.max(1, z)],
    channels,
    spacing: [1, 2, 3].map((axis) => Math.abs(header.pixDims[axis] ?? 1) || 1) as [number, number, number],
    affine: header.affine,
    data: numbers(bytes, header, count * channels),
  };
}

function numbers(bytes: ArrayBuffer, header: nifti.NIFTI1 | nifti.NIFTI2, count: number): Float32Array {
  const payload = nifti.readImage(header, bytes);
  const slope = header.scl_slope || 1;
  const offset = header.scl_slope ? header.scl_inter : 0;
  const read = READERS[header.datatypeCode];
  if (!read) throw new Error(`NIfTI type ${header.datatypeCode} cannot be shown.`);
  const size = header.numBitsPerVoxel / 8;
  if (payload.byteLength < count * size) throw new Error('This NIfTI file is cut off.');
  if (header.datatypeCode === 16 && slope === 1 && offset === 0)
    return new Float32Array(payload.slice(0, count * 4));
  const view = new DataView(payload);
  const data = new Float32Array(count);
  for (let index = 0; index < count; index++) data[index] = read(view, index * size) * slope + offset;
  return data;
}

function isPacked(file: ArrayBuffer): boolean {
  const head = new Uint8Array(file, 0, Math.min(2, file.byteLength));
  return head[0] === 0x1f && head[1] === 0x8b;
}

async function unpack(file: ArrayBuffer): Promise<ArrayBuffer> {
  const stream = new Blob([file]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

/** Whether it is a single plane. */
export function isFlat(volume: Volume): boolean {
  return volume.shape[2] === 1;
}

/** The value of a voxel, or nothing outside. */
export function valueAt(volume: Volume, x: number, y: number, z: number, channel = 0): number | undefined {
  const [width, height, depth] = volume.shape;
  if (x < 0 || y < 0 || z < 0 || x >= width || y >= height || z >= depth) return undefined;
  return volume.data[((channel * depth + z) * height + y) * width + x];
}

/** The same grid with other values. */
export function withData(volume: Volume, data: Float32Array): Volume {
  return { ...volume, channels: 1, data };
}

/** A voxel of a volume as it lies in the model's array, whose flat pictures count rows first. */
export function asArray([x, y, z]: number[], volume: Volume): number[] {
  return isFlat(volume) ? [y!, x!] : [x!, y!, z!];
}

/** The voxel at a place of the model's array. */
export function asVoxel(place: number[], volume: Volume): [number, number, number] {
  const [x, y, z] = isFlat(volume) ? [place[1], place[0], 0] : place;
  return [x!, y!, z!];
}

/** 1 inside a box of the model's array, 0 outside; sides are the first voxel and the one after the last. */
export function inside(volume: Volume, sides: [number, number][]): Volume {
  const [x, y, z = [0, 1]] = isFlat(volume) ? [sides[1]!, sides[0]!] : sides;
  const [width, height, depth] = volume.shape;
  const data = new Float32Array(width * height * depth);
  for (let k = z[0]; k < Math.min(depth, z[1]); k++)
    for (let j = y![0]; j < Math.min(height, y![1]); j++) {
      const row = (k * height + j) * width;
      data.fill(1, row + x![0], row + Math.max(x![0], Math.min(width, x![1])));
    }
  return withData(volume, data);
}

/** Channels added up; one channel is itself. */
export function summed(volume: Volume): Volume {
  if (volume.channels === 1) return volume;
  const count = volume.data.length / volume.channels;
  const total = new Float32Array(count);
  for (let index = 0; index < volume.data.length; index++) total[index % count]! += volume.data[index]!;
  return withData(volume, total);
}
