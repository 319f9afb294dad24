import type { Config } from '../api/types';
import { read, withValue, written, type Entry, type Written, entry } from './entries';

export interface ChosenImage {
  /** The server's name of the file. */
  ref: string;
  /** Empty where the file's own name does. */
  name: string;
  label: string | null;
  /** The files of further channels. */
  channels?: string[];
}

export interface PatchChoice {
  on: boolean;
  size: string;
  overlap: string;
  blend: 'constant' | 'gaussian';
}

/** Everything chosen for a new run. */
export interface Choices {
  model: string;
  checkpoint: string | null;
  images: ChosenImage[];
  target: Record<string, unknown>;
  layers: string[];
  entries: Entry[];
  /** Checks of the maps. */
  metrics: Written[];
  /** Thresholds of a verdict on each method: none for the usual ones; null where no verdict is wanted. */
  verdict: Record<string, number> | null;
  /** Or several, as a loaded config may have them, with commas between. */
  device: string;
  precision: string;
  patches: PatchChoice;
  seed: string;
  output: string;
  /** What a loaded config says that has no control on the pages. */
  kept: Config;
}

export const FRESH: Choices = {
  model: '',
  checkpoint: null,
  images: [],
  target: { kind: 'class' },
  layers: [],
  entries: [],
  metrics: [],
  verdict: null,
  device: 'cpu',
  precision: 'float32',
  patches: { on: false, size: '64', overlap: '0.25', blend: 'gaussian' },
  seed: '0',
  output: '',
  kept: {},
};

const KEY = 'esegeta-draft';

/** The run under construction. It outlives a reload of the page. */
export class Draft {
  choices = $state<Choices>(structuredClone(FRESH));
  /** What is wrong as it was typed, by path; nothing of it was taken over. */
  typed = $state<Record<string, string>>({});

  constructor(kept: string | null = globalThis.localStorage?.getItem(KEY) ?? null) {
    if (!kept) return;
    try {
      this.choices = { ...structuredClone(FRESH), ...(JSON.parse(kept) as Partial<Choices>) };
    } catch {
      globalThis.localStorage?.removeItem(KEY);
    }
  }

  /** Keep the choices from now on; to be called while a component is set up. */
  keep(): void {
    $effect(() => localStorage.setItem(KEY, JSON.stringify(this.choices)));
  }

  fail(path: string, message: string | undefined): void {
    const { [path]: _, ...others } = this.typed;
    this.typed = message ? { ...others, [path]: message } : others;
  }

  chosen(name: string): Entry[] {
    return this.choices.entries.filter((one) => one.name === name);
  }

  add(name: string): void {
    this.choices.entries.push(entry(name));
  }

  removeMethod(name: string): void {
    for (const one of this.chosen(name)) this.removeEntry(one.key);
  }

  removeEntry(key: string): void {
    this.choices.entries = this.choices.entries.filter((one) => one.key !== key);
    this.typed = Object.fromEntries(
      Object.entries(this.typed).filter(([path]) => !path.startsWith(`${key}.`)),
    );
  }

  setValue(key: string, name: string, value: unknown, usual: unknown): void {
    this.choices.entries = this.choices.entries.map((one) =>
      one.key === key ? withValue(one, name, value, usual) : one,
    );
  }

  setMethods(methods: Written[]): void {
    this.choices.entries = read(methods);
    this.typed = {};
  }

  get methods(): Written[] {
    return written(this.choices.entries);
  }

  reset(): void {
    this.choices = structuredClone(FRESH);
    this.typed = {};
  }
}

export const draft = new Draft();
