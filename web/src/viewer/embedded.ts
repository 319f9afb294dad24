import { decode } from '../lib/viewer/base64';
import { once, type MapItem, type Source, type Subject } from '../lib/viewer/subject';
import { readNifti } from '../lib/volume/volume';

/** What a page that opens without a server holds; volumes are NIfTI files in base 64, packed or not. */
export interface Embedded {
  title: string;
  /** What the reader must know, such as the model and the date. */
  notes?: string[];
  images: EmbeddedImage[];
}

export interface EmbeddedImage {
  name: string;
  image: string;
  label?: string | null;
  prediction?: string | null;
  maps: EmbeddedMap[];
}

export interface EmbeddedMap {
  title: string;
  method: string;
  target: string;
  target_index?: number | null;
  layer?: string | null;
  quantity?: string;
  warnings?: string[];
  data: string;
}

function source(base64: string): Source {
  return once(() => readNifti(decode(base64)));
}

/** An embedded image as a subject of the viewer. */
export function subjectOf(image: EmbeddedImage): Subject {
  return {
    name: image.name,
    image: source(image.image),
    label: image.label ? source(image.label) : null,
    prediction: image.prediction ? source(image.prediction) : null,
  };
}

/** The maps of an embedded image as the viewer takes them. */
export function mapsOf(image: EmbeddedImage): MapItem[] {
  return image.maps.map((map, index) => ({
    id: String(index),
    title: map.title,
    method: map.method,
    target: map.target,
    targetClass: map.target_index ?? null,
    layer: map.layer ?? null,
    quantity: map.quantity ?? '',
    source: source(map.data),
  }));
}
