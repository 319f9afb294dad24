import type { Niivue } from '@niivue/niivue';
import type { Point } from '../volume/space';
import type { Sign } from '../volume/layers';

export type Mode = 'slices' | 'axial' | 'coronal' | 'sagittal' | 'projection' | 'render';

function within(low: number, high: number, value: number): number {
  return Math.min(high, Math.max(low, value));
}

/** How all tiles show their maps; tiles share one place, one zoom and one way of colouring. */
export class View {
  mode = $state<Mode>('slices');
  palette = $state('magma');
  threshold = $state(0.1);
  opacity = $state(0.85);
  sign = $state<Sign>('both');
  shared = $state(false);
  image = $state(true);
  map = $state(true);
  label = $state(false);
  prediction = $state(false);
  /** The place all crosshairs show, and the one under the mouse, in mm. */
  place = $state<Point>();
  hover = $state<Point>();
  /** Zoom and middle of flat pictures: pixels are scaled by `scale`, `centre` in shares of the picture. */
  flat = $state({ scale: 1, x: 0.5, y: 0.5 });
  /** The reach of each tile's map, by tile, for a scale that all share. */
  reaches = $state<Record<string, number>>({});

  readonly #members = new Set<Niivue>();

  /** Where values are read: under the mouse, else at the crosshair. */
  get reading(): Point | undefined {
    return this.hover ?? this.place;
  }

  /** The end of a tile's colour scale. */
  reach(tile: string): number {
    const own = this.reaches[tile] ?? 1;
    return this.shared ? Math.max(own, ...Object.values(this.reaches)) : own;
  }

  /** Link a viewer's crosshair, zoom and turning with all others; returns what undoes it. */
  join(viewer: Niivue): () => void {
    this.#members.add(viewer);
    this.#link();
    return () => {
      this.#members.delete(viewer);
      this.#link();
    };
  }

  /** Come closer in all tiles, or go back with a factor below 1. */
  zoom(factor: number): void {
    this.flat = { ...this.flat, scale: within(1, 20, this.flat.scale * factor) };
    for (const viewer of this.#members) {
      const [x, y, z, scale] = [...viewer.scene.pan2Dxyzmm] as [number, number, number, number];
      viewer.setPan2Dxyzmm([x, y, z, within(0.5, 20, scale * factor)]);
      viewer.setScale(within(0.4, 4, viewer.scene.volScaleMultiplier * factor));
    }
  }

  /** Back to the whole picture. */
  reset(): void {
    this.flat = { scale: 1, x: 0.5, y: 0.5 };
    for (const viewer of this.#members) {
      viewer.setPan2Dxyzmm([0, 0, 0, 1]);
      viewer.setRenderAzimuthElevation(110, 15);
      viewer.setScale(1);
    }
  }

  #link(): void {
    for (const viewer of this.#members) {
      viewer.broadcastTo(
        [...this.#members].filter((other) => other !== viewer),
        { '2d': true, '3d': true },
      );
    }
  }
}
