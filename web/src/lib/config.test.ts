import { describe, expect, it } from 'vitest';
import type { ModelInfo } from './api/types';
import { choicesOf, configOf, missing } from './config';
import { keptPaths, withoutPath } from './kept';
import { FRESH, type Choices } from './state/draft.svelte';
import { entry } from './state/entries';
import { boxOf, chosenClasses, kindsFor, placeOf, withKind, withPlace } from './targets';

const CHOICES: Choices = {
  ...structuredClone(FRESH),
  model: 'brain',
  images: [{ ref: 'i1', name: 'head', label: 'l1' }],
  target: { kind: 'multiclass', classes: ['grey matter'] },
  layers: ['bottleneck'],
  entries: [entry('saliency'), entry('rise', { masks: 9 })],
  metrics: ['infidelity'],
  verdict: { stable_yes: 0.2 },
  patches: { on: true, size: '64, 64, 32', overlap: '0.5', blend: 'gaussian' },
  precision: 'amp',
  output: 'mine',
};

/** A config with everything that a config may have, controls for it or not. */
const WHOLE = {
  model: { catalogue: 'brain', checkpoint: 'u/1' },
  images: [
    { path: ['f/0/t1.nii.gz', 'f/0/t2.nii.gz'], name: 'two channels', label: 'f/0/l.nii.gz' },
    { path: ['f/0/plain.nii.gz'] },
  ],
  target: { kind: 'error', error: 'false_positive' },
  layers: ['a', 'b'],
  methods: ['saliency', { name: 'rise', label: 'mine', timeout_s: 9, masks: 4, features: { kind: 'grid' } }],
  evaluation: {
    metrics: ['gini', { name: 'sensitivity', samples: 3, radius: 0.5 }],
    cascading_randomisation: { methods: ['saliency'], order: 'input' },
    verdict: { stable_yes: 0.2 },
  },
  patches: { axis: 2, overlap: [0.5, 0.25], blend: 'constant' },
  precision: 'amp',
  agreement: true,
  seed: 4,
  channels: 'keep',
  figures: false,
  convention: 'neurological',
  execution: {
    devices: ['cuda:0', 'cuda:1'],
    workers_per_device: 2,
    timeout_s: 99,
    executor: { kind: 'ray', workers: 4 },
    shard: '1/3',
  },
  notes: ['Read me.'],
  output: 'whole',
};

const MODEL = {
  id: 'brain',
  task: 'segmentation',
  classes: ['background', 'vessel'],
} as unknown as ModelInfo;

describe('choices', () => {
  it('become a config, and a config becomes the same choices', () => {
    const config = configOf(CHOICES);
    expect(config.patches).toEqual({ size: [64, 64, 32], overlap: 0.5, blend: 'gaussian' });
    expect(config.evaluation).toEqual({ metrics: ['infidelity'], verdict: { stable_yes: 0.2 } });
    expect(configOf(choicesOf(config))).toEqual(config);
  });

  it('lose nothing of a config, not even what the pages do not show', () => {
    expect(configOf(choicesOf(WHOLE))).toEqual(WHOLE);
    const { layers: _, evaluation: _e, patches: _p, precision: _r, ...short } = WHOLE;
    expect(configOf(choicesOf(short))).toEqual(short);
  });

  it('say what of a config the pages do not show, and can leave it out', () => {
    const { kept } = choicesOf(WHOLE);
    expect(keptPaths(kept).map(([path]) => path)).toEqual([
      'evaluation.cascading_randomisation',
      'patches.axis',
      'agreement',
      'channels',
      'figures',
      'convention',
      'execution.workers_per_device',
      'execution.timeout_s',
      'execution.executor',
      'execution.shard',
      'notes',
    ]);
    const less = withoutPath(withoutPath(kept, 'evaluation.cascading_randomisation'), 'execution.shard');
    const config = configOf({ ...choicesOf(WHOLE), kept: less });
    expect(config.evaluation).not.toHaveProperty('cascading_randomisation');
    expect(config.execution).toEqual({ ...WHOLE.execution, shard: undefined });
  });

  it('forget the axis of pieces where there are none', () => {
    const choices = choicesOf(WHOLE);
    expect(configOf({ ...choices, patches: { ...choices.patches, on: false } })).not.toHaveProperty(
      'patches',
    );
  });

  it('ask for a verdict alone', () => {
    expect(configOf({ ...CHOICES, metrics: [], verdict: {} }).evaluation).toEqual({ verdict: {} });
    expect(choicesOf({ evaluation: { verdict: null } }).verdict).toBeNull();
  });

  it('leave out what keeps its default', () => {
    const config = configOf({ ...structuredClone(FRESH), model: 'brain' });
    expect(Object.keys(config)).toEqual([
      'model',
      'images',
      'target',
      'methods',
      'seed',
      'execution',
      'output',
    ]);
  });

  it('say what is missing, first things first', () => {
    expect(missing(FRESH, undefined)?.page).toBe('what');
    expect(missing({ ...CHOICES, entries: [] }, MODEL)?.page).toBe('methods');
    expect(missing(CHOICES, MODEL)).toBeUndefined();
  });
});

describe('targets', () => {
  it('say why a kind is impossible', () => {
    expect(
      kindsFor(MODEL)
        .filter((kind) => kind.reason)
        .map((kind) => kind.value),
    ).toEqual(['class']);
  });

  it('take a box from a pick, within the image', () => {
    const shape = [20, 20, 20];
    expect(boxOf({ from: [5, 6, 7], to: [5, 6, 7], shape }, 2)).toEqual([[3, 8], [4, 9], [5, 10]]); // prettier-ignore
    expect(boxOf({ from: [9, 6, 19], to: [5, 8, 19], shape }, 2)).toEqual([[5, 10], [6, 9], [17, 20]]); // prettier-ignore
  });

  it('have one place at a time', () => {
    const masked = { kind: 'region', class: 1, mask: 'f/0/m.nii.gz' };
    expect(placeOf(masked)).toBe('mask');
    expect(withPlace(masked, 'voxel', [1, 2])).toEqual({ kind: 'region', class: 1, voxel: [1, 2] });
    expect(placeOf(withPlace(masked, 'largest', undefined))).toBe('largest');
  });

  it('name classes that a config counts', () => {
    expect(chosenClasses({ classes: [1, 'other', 7] }, ['outside', 'inside'])).toEqual([
      'inside',
      'other',
      '7',
    ]);
  });

  it('keep the class when the kind changes', () => {
    expect(withKind('region', { kind: 'multiclass', classes: ['vessel'] }, MODEL)).toEqual({
      kind: 'region',
      class: 'vessel',
      component: 'largest',
    });
  });
});
