import type { Volume } from '../volume/volume';

/** Something that is fetched once, when it is first looked at. */
export interface Source {
  url?: string;
  load(): Promise<Volume>;
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
  /** How many layers' weights were replaced by chance; nothing outside a cascade. */
  cascade: number | null;
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
  return maps.filter((one) => one.layer !== null && sameBut(one, item, 'layer'));
}

/** Maps that differ in their step of the cascade alone. */
export function acrossCascade(item: MapItem, maps: MapItem[]): MapItem[] {
  return maps
    .filter((one) => sameBut(one, item, 'cascade'))
    .sort((one, other) => (one.cascade ?? 0) - (other.cascade ?? 0));
}

function sameBut(one: MapItem, other: MapItem, free: 'layer' | 'cascade'): boolean {
  return (['method', 'target', 'layer', 'cascade'] as const).every(
    (key) => key === free || one[key] === other[key],
  );
}
