import type { Plane } from '../lib/volume/layers';

/** Where a picture lies in its canvas, in pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A plane at its true aspect, as large as the canvas allows, zoomed about a point of it. */
export function fit(
  plane: Plane,
  width: number,
  height: number,
  zoom: { scale: number; x: number; y: number },
): Box {
  const [across, up] = [plane.width * plane.spacing[0], plane.height * plane.spacing[1]];
  const scale = Math.min(width / across, height / up) * zoom.scale;
  const [wide, high] = [across * scale, up * scale];
  return { left: width / 2 - zoom.x * wide, top: height / 2 - zoom.y * high, width: wide, height: high };
}
