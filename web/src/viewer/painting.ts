import { LABEL, PLACE, PREDICTION } from '../lib/volume/marks';
import type { Painting } from '../lib/volume/paint';
import type { View } from '../lib/viewer/view.svelte';
import type { Scene } from './loaded.svelte';

type Plane = Painting['base'][number];

/** What a scene shows in a plane; outlines are made only where they are seen. */
export interface Planes {
  base: Plane[];
  window: [number, number];
  map: Plane | null;
  prediction: () => Plane | null;
  label: () => Plane | null;
  place: () => Plane | null;
}

/** The painting of a plane as the view asks for it. */
export function paintingOf(scene: Scene, view: View, reach: number, planes: Planes): Painting {
  const prediction = view.prediction ? planes.prediction() : null;
  const place = planes.place();
  const label = view.label ? planes.label() : null;
  return {
    base: planes.base,
    window: view.image ? planes.window : [Infinity, Infinity],
    map: view.map ? planes.map : null,
    palette: view.palette,
    diverging: scene.signed && view.sign !== 'magnitude',
    reach,
    threshold: view.threshold,
    opacity: view.opacity,
    outlines: [
      ...(prediction ? [{ plane: prediction, colour: PREDICTION }] : []),
      ...(place ? [{ plane: place, colour: PLACE }] : []),
      ...(label ? [{ plane: label, colour: LABEL }] : []),
    ],
  };
}
