import { describe, expect, it } from 'vitest';
import type { ModelInfo } from './api/types';
import { choicesOf, configOf, missing } from './config';
import { FRESH, type Choices } from './state/draft.svelte';
import { entry } from './state/entries';
import { kindsFor, withKind } from './targets';

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

  it('keep the class when the kind changes', () => {
    expect(withKind('region', { kind: 'multiclass', classes: ['vessel'] }, MODEL)).toEqual({
      kind: 'region',
      class: 'vessel',
      component: 'largest',
    });
  });
});
