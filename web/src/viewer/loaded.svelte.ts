import { canonical } from '../lib/volume/space';
import { classOf, outline, signed, type Sign } from '../lib/volume/layers';
import { hasNegative, reachOf, windowOf } from '../lib/volume/statistics';
import { isFlat, summed, type Volume } from '../lib/volume/volume';
import type { MapItem, Subject } from '../lib/viewer/subject';

/** Everything that a tile draws, in memory. */
export interface Scene {
  image: Volume;
  window: [number, number];
  label: Volume | null;
  prediction: Volume | null;
  place: Volume | null;
  map: Volume | null;
  reach: number;
  signed: boolean;
}

const outlines = new WeakMap<Volume, Map<number | null, Volume>>();
const turned = new WeakMap<Volume, Volume>();

/** A volume with its axes towards right, anterior, superior; a flat picture as it is. */
export function upright(volume: Volume): Volume {
  return isFlat(volume) ? volume : memo(turned, volume, (one) => canonical(summed(one)));
}

/** The outlines of a segmentation: of one class where it is there, else of all. */
function outlined(volume: Volume, only: number | null): Volume {
  const kept = outlines.get(volume) ?? new Map<number | null, Volume>();
  outlines.set(volume, kept);
  const found = only !== null && volume.data.includes(only) ? only : null;
  const line = kept.get(found) ?? outline(found === null ? volume : classOf(volume, found));
  kept.set(found, line);
  return line;
}

function memo(cache: WeakMap<Volume, Volume>, key: Volume, make: (volume: Volume) => Volume): Volume {
  const kept = cache.get(key) ?? make(key);
  cache.set(key, kept);
  return kept;
}

/** Fetch what a tile shows. A label or prediction that cannot be had leaves its place empty. */
export async function loadScene(subject: Subject, item: MapItem | undefined): Promise<Scene> {
  const [image, label, prediction, place, map] = await Promise.all([
    subject.image.load(),
    subject.label?.load().catch(() => null) ?? null,
    subject.prediction?.load().catch(() => null) ?? null,
    subject.place?.load() ?? null,
    item?.source.load() ?? null,
  ]);
  const drawn = map && upright(summed(map));
  return {
    image: upright(image),
    window: windowOf(image.data),
    label: label && outlined(upright(label), item?.targetClass ?? null),
    prediction: prediction && outlined(upright(prediction), item?.targetClass ?? null),
    place: place && outlined(upright(place), null),
    map: drawn,
    reach: drawn ? reachOf(drawn.data) : 1,
    signed: drawn ? hasNegative(drawn.data) : false,
  };
}

/** The map's values as they are coloured. */
export function coloured(scene: Scene, sign: Sign): Volume | null {
  return scene.map && scene.signed ? signed(scene.map, sign) : scene.map;
}
