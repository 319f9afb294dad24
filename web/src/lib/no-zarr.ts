/**
 * Stands for the library `zarrita`, by which NiiVue reads volumes in pieces over the network. Nothing here is in that
 * format, and its codecs are larger than everything else together.
 */
function refuse(): never {
  throw new Error('Volumes in the Zarr format are not read here.');
}

export const slice = refuse;
export const root = refuse;
export const open = refuse;
export const get = refuse;
export const registry = new Map<string, unknown>();
export class FetchStore {
  constructor() {
    refuse();
  }
}
