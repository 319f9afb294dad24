import type { Config } from './api/types';

/** Fields of a config that the pages have controls for; what else a loaded config says is kept as it is. */
const SHOWN = ['model', 'images', 'target', 'layers', 'methods', 'precision', 'seed', 'output'];
const SHOWN_OF: Record<string, string[]> = {
  evaluation: ['metrics', 'verdict'],
  patches: ['size', 'overlap', 'blend'],
  execution: ['devices'],
};

function isObject(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function without(config: Config, names: string[]): Config {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !names.includes(name)));
}

/** What no control shows of a config. */
export function keptOf(config: Config): Config {
  const kept = without(config, SHOWN);
  for (const [name, shown] of Object.entries(SHOWN_OF)) {
    if (!(name in kept)) continue;
    const rest = isObject(kept[name]) ? without(kept[name], shown) : {};
    if (Object.keys(rest).length) kept[name] = rest;
    else delete kept[name];
  }
  return kept;
}

/** The part of what is kept that belongs into a field of the config, such as `execution`. */
export function keptIn(kept: Config, name: string): Config {
  return isObject(kept[name]) ? kept[name] : {};
}

/** What is kept outside the fields that a page has a part of. */
export function keptOutside(kept: Config): Config {
  return without(kept, Object.keys(SHOWN_OF));
}

/** The fields that are kept, by their paths. */
export function keptPaths(kept: Config): [path: string, value: unknown][] {
  return Object.entries(kept).flatMap(([name, value]) =>
    name in SHOWN_OF && isObject(value)
      ? Object.entries(value).map(([inner, own]): [string, unknown] => [`${name}.${inner}`, own])
      : [[name, value] as [string, unknown]],
  );
}

/** What is kept, less the field of a path. */
export function withoutPath(kept: Config, path: string): Config {
  const [name, inner] = path.split('.') as [string, string | undefined];
  const rest = inner === undefined ? {} : without(keptIn(kept, name), [inner]);
  return { ...without(kept, [name]), ...(Object.keys(rest).length ? { [name]: rest } : {}) };
}
