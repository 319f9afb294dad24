import { toMillimetres, toVoxel } from '../lib/volume/space';
import { valueAt, withData, type Volume } from '../lib/volume/volume';

/** A volume on another's grid, by its nearest voxels; on the same grid it is itself. */
export function onGrid(volume: Volume, grid: Volume): Volume {
  const [width, height, depth] = grid.shape;
  if (volume.shape.every((length, axis) => length === grid.shape[axis])) return volume;
  const data = new Float32Array(width * height * depth);
  let index = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [a, b, c] = toVoxel(volume, toMillimetres(grid, [x, y, z])).map(Math.round);
        data[index++] = valueAt(volume, a!, b!, c!) ?? 0;
      }
  return withData(grid, data);
}
