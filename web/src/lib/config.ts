import type { Config, ModelInfo } from './api/types';
import { keptIn, keptOf, keptOutside } from './kept';
import { read, written, type Written } from './state/entries';
import { FRESH, type ChosenImage, type Choices } from './state/draft.svelte';

/** The choices as a config for the server; fields that keep their default are left out. */
export function configOf(choices: Choices): Config {
  const { kept } = choices;
  return {
    ...keptOutside(kept),
    model: { catalogue: choices.model, ...(choices.checkpoint ? { checkpoint: choices.checkpoint } : {}) },
    images: choices.images.map(imageOf),
    target: choices.target,
    ...(choices.layers.length ? { layers: choices.layers } : {}),
    methods: written(choices.entries),
    ...evaluated(choices),
    ...inPieces(choices),
    ...(choices.precision !== 'float32' ? { precision: choices.precision } : {}),
    seed: Number(choices.seed) || 0,
    execution: { ...keptIn(kept, 'execution'), devices: choices.device.split(SEVERAL) },
    output: choices.output || suggestedName(choices),
  };
}

/** Between the devices of a config that names several. */
const SEVERAL = ', ';

function imageOf({ ref, channels, name, label }: ChosenImage): Config {
  return { path: [ref, ...(channels ?? [])], ...(name ? { name } : {}), ...(label ? { label } : {}) };
}

/** The checks of the maps, where any are wanted. */
function evaluated({ metrics, verdict, kept }: Choices): Config {
  const evaluation = {
    ...keptIn(kept, 'evaluation'),
    ...(metrics.length ? { metrics } : {}),
    ...(verdict ? { verdict } : {}),
  };
  return Object.keys(evaluation).length ? { evaluation } : {};
}

function inPieces({ patches, kept }: Choices): Config {
  if (!patches.on) return {};
  const [size, overlap] = [numbers(patches.size), numbers(patches.overlap)];
  const own = {
    ...(size === '' ? {} : { size }),
    ...(overlap === '' ? {} : { overlap }),
    blend: patches.blend,
  };
  return { patches: { ...keptIn(kept, 'patches'), ...own } };
}

/** "64" as a number, "64, 64, 32" as a list; what is neither is left for the server to refuse. */
function numbers(text: string): number | number[] | string {
  const values = text
    .split(/[,;\s]+/)
    .filter(Boolean)
    .map(Number);
  if (values.length === 0 || values.some(Number.isNaN)) return text;
  return values.length === 1 ? values[0]! : values;
}

/** What an image is called: without a name of its own, as its file is. */
export function nameOf({ ref, name }: ChosenImage): string {
  return name || (ref.split('/').pop() ?? ref).replace(/\.(nii(\.gz)?|png|jpe?g|tiff?|npy)$/i, '');
}

/** A name for the run: the first image and the model. */
export function suggestedName(choices: Choices): string {
  const image = choices.images[0] ? nameOf(choices.images[0]) : 'run';
  return `${image} ${choices.model}`
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-');
}

/** The choices that a config says; `refs` of images and models are the server's own. */
export function choicesOf(config: Config): Choices {
  const { model, images, target, layers, methods, evaluation, patches, precision, seed, execution, output } =
    config as {
      model?: { catalogue?: string; checkpoint?: string };
      images?: { path: string | string[]; name?: string; label?: string }[];
      target?: Record<string, unknown>;
      layers?: string[];
      methods?: Written[];
      evaluation?: {
        metrics?: Written[];
        verdict?: Record<string, number> | null;
      };
      patches?: { size?: unknown; overlap?: unknown; blend?: 'constant' | 'gaussian' };
      precision?: string;
      seed?: number;
      execution?: { devices?: string | string[] };
      output?: string;
    };
  return {
    ...structuredClone(FRESH),
    model: model?.catalogue ?? '',
    checkpoint: model?.checkpoint ?? null,
    images: (images ?? []).map((one) => {
      const [ref = '', ...channels] = typeof one.path === 'string' ? [one.path] : one.path;
      return {
        ref,
        name: one.name ?? '',
        label: one.label ?? null,
        ...(channels.length ? { channels } : {}),
      };
    }),
    target: target ?? { kind: 'class' },
    layers: layers ?? [],
    entries: read(methods ?? []),
    metrics: evaluation?.metrics ?? [],
    verdict: evaluation?.verdict ?? null,
    device: [execution?.devices ?? 'cpu'].flat().join(SEVERAL),
    precision: precision ?? 'float32',
    patches: patches
      ? {
          on: true,
          size: text(patches.size),
          overlap: text(patches.overlap),
          blend: patches.blend ?? 'constant',
        }
      : structuredClone(FRESH.patches),
    seed: String(seed ?? 0),
    output: output ?? '',
    kept: keptOf(config),
  };
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** Why a run cannot be started yet: the first thing that is missing on each screen. */
export function missing(
  choices: Choices,
  model: ModelInfo | undefined,
): { page: 'what' | 'methods'; text: string } | undefined {
  if (!model) return { page: 'what', text: 'Choose a model first.' };
  if (choices.images.length === 0) return { page: 'what', text: 'Choose at least one image first.' };
  if (choices.entries.length === 0) return { page: 'methods', text: 'Choose at least one method first.' };
  return undefined;
}

/** Why a method cannot be had with a model, as far as that is plain without asking the server. */
export function impossible(
  method: { spatial_dims: number[]; family: string; schema: { properties?: Record<string, unknown> } },
  model: ModelInfo | undefined,
): string | undefined {
  if (!model) return undefined;
  if (!method.spatial_dims.includes(model.spatial_dims)) return `it does not work in ${model.spatial_dims}D.`;
  if (model.format === 'torchscript' && method.family === 'Rule')
    return 'a TorchScript model hides its operations.';
  if (model.format === 'torchscript' && 'layers' in (method.schema.properties ?? {})) {
    return 'a TorchScript model hides its layers.';
  }
  return undefined;
}
