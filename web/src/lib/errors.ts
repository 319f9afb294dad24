import type { Entry } from './state/entries';

/**
 * The server's errors at the places of the forms: `methods[0].steps` becomes the entry's key and field.
 *
 * Other paths stay as they are.
 */
export function placed(fields: Record<string, string>, entries: Entry[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([path, message]) => {
      const found = /^methods(?:\[|\.)(\d+)\]?\.?(.*)$/.exec(path);
      const entry = found && entries[Number(found[1])];
      return [entry ? `${entry.key}.${found[2]}` : path, message];
    }),
  );
}
