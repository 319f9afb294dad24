import { api } from '../api/client';
import type { MapRow, RunImage } from '../api/types';
import { readNifti } from '../volume/volume';
import { once, type MapItem, type Source, type Subject } from './subject';

function fetched(url: string): Source {
  return once(async () => readNifti(await api.bytes(url)), url);
}

/** An image of a run as the viewer takes it; without the image file, its prediction stands in. */
export function subjectOf(image: RunImage): Subject | undefined {
  const base = image.volume ?? image.prediction;
  if (!base) return undefined;
  return {
    name: image.name,
    image: fetched(base),
    label: image.label ? fetched(image.label) : null,
    prediction: image.prediction ? fetched(image.prediction) : null,
  };
}

/** The maps of an image that can be laid over it. */
export function itemsOf(run: string, rows: MapRow[], image: string): MapItem[] {
  return rows
    .filter((row) => row.image === image && row.volume && row.shows === 'map')
    .map((row) => ({
      id: row.id,
      title: row.title,
      method: row.label,
      target: row.target ?? '',
      targetClass: row.target_index,
      layer: row.layer,
      cascades: row.cascades.map((name) => ({
        name,
        load: (step: number) => api.cascade(run, row.id, name, step),
      })),
      quantity: row.quantity,
      source: fetched(row.volume!),
    }));
}
