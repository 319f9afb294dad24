import type { CascadeStep } from '../api/types';
import type { Volume } from '../volume/volume';

/** Something that is fetched once, when it is first looked at. */
export interface Source {
  url?: string;
  load(): Promise<Volume>;
}

/** A map while the model's weights are replaced by chance, step by step. */
export interface Cascade {
  name: string;
  load(step: number): Promise<CascadeStep>;
}

/** A map that can be looked at. */
export interface MapItem {
  id: string;
  /** Method in words, and its name in the run. */
  title: string;
  method: string;
  target: string;
  /** The class that is explained, by its number in segmentations; nothing where it is no single one. */
  targetClass: number | null;
  layer: string | null;
  /** Cascades of random weights that kept this map at every step. */
  cascades?: Cascade[];
  /** What its values mean. */
  quantity: string;
  source: Source;
}

/** The image that was explained, with what lies over it. */
export interface Subject {
  name: string;
  image: Source;
  label: Source | null;
  prediction: Source | null;
  /** A place that is chosen: 1 inside, 0 outside. */
  place?: Source | null;
}

/** A source that fetches once; a failed attempt may be repeated. */
export function once(load: () => Promise<Volume>, url?: string): Source {
  let kept: Promise<Volume> | undefined;
  return {
    url,
    load() {
      kept ??= load().catch((error: unknown) => {
        kept = undefined;
        throw error;
      });
      return kept;
    },
  };
}

/** Maps that differ in their layer alone, shallow to deep as they stand. */
export function acrossLayers(item: MapItem, maps: MapItem[]): MapItem[] {
  if (item.layer === null) return [];
  return maps.filter((one) => one.layer !== null && sameButLayer(one, item));
}

function sameButLayer(one: MapItem, other: MapItem): boolean {
  return one.method === other.method && one.target === other.target;
}
