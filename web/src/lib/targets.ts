import type { ModelInfo } from './api/types';

type Target = Record<string, unknown>;

export interface TargetKind {
  value: string;
  title: string;
  about: string;
  reason?: string;
}

/** The kinds of target, with the reason where the model makes one impossible. */
export function kindsFor(model: ModelInfo): TargetKind[] {
  const onlySegmentation =
    model.task === 'classification' ? 'this model gives one answer for the whole image.' : undefined;
  const onlyClassification =
    model.task === 'segmentation' ? 'this model gives an answer for every voxel.' : undefined;
  return [
    {
      value: 'class',
      title: 'A class',
      about: 'How strongly the model speaks for a class of the whole image.',
      reason: onlyClassification,
    },
    {
      value: 'multiclass',
      title: 'Predicted regions',
      about: 'For each class: how strongly the model speaks for it, over all voxels it assigns to it.',
      reason: onlySegmentation,
    },
    {
      value: 'region',
      title: 'A place',
      about: 'A voxel, a box, or one connected piece of the prediction, such as one lesion.',
      reason: onlySegmentation,
    },
    {
      value: 'threshold',
      title: 'Foreground and background',
      about: 'Every output channel is split in two by brightness (Otsu), and both parts are explained.',
      reason: onlySegmentation,
    },
  ];
}

/** The class names of a target, as a list; a config may have numbers in their place. */
export function chosenClasses(target: Target, names: string[]): string[] {
  const given = [target.classes ?? target.class ?? []].flat();
  return given.map((one) => (typeof one === 'number' ? (names[one] ?? String(one)) : String(one)));
}

/** The target with other classes; none means that the model decides. */
export function withClasses(target: Target, classes: string[]): Target {
  const { classes: _, ...others } = target;
  return classes.length ? { ...others, classes } : others;
}

/** What was pointed at in an image: one voxel, or from one to another, by their places in the model's array. */
export interface Pick {
  from: number[];
  to: number[];
  /** The array's spatial shape. */
  shape: number[];
}

/** A box from a pick: what it spans along an axis, and `half` voxels to both sides where it is one voxel wide. */
export function boxOf({ from, to, shape }: Pick, half: number): [number, number][] {
  return from.map((start, axis) => {
    const [low, high] = [Math.min(start, to[axis]!), Math.max(start, to[axis]!)];
    const margin = low === high ? half : 0;
    return [Math.max(0, low - margin), Math.min(shape[axis]!, high + margin + 1)];
  });
}

/** The place of a region, by its field in the target. */
export function placeOf(target: Target): 'largest' | 'component' | 'voxel' | 'box' | 'mask' {
  if (target.component === 'largest') return 'largest';
  return (['component', 'voxel', 'box', 'mask'] as const).find((key) => key in target) ?? 'largest';
}

/** The target at another place. */
export function withPlace(target: Target, place: string, where: unknown): Target {
  const { component: _c, voxel: _v, box: _b, mask: _m, ...others } = target;
  return place === 'largest' ? { ...others, component: 'largest' } : { ...others, [place]: where };
}

/** Another kind of target; what both have in common is kept. */
export function withKind(kind: string, target: Target, model: ModelInfo): Target {
  const classes = chosenClasses(target, model.classes);
  const score = target.score === undefined || kind === 'threshold' ? {} : { score: target.score };
  if (kind === 'region')
    return { kind, class: classes[0] ?? model.classes.at(-1) ?? 0, component: 'largest', ...score };
  if (kind === 'threshold') return { kind };
  return { kind, ...(classes.length ? { classes } : {}), ...score };
}

/** The target that is right for most: what the catalogue suggests, or the predicted class or classes. */
export function usualTarget(model: ModelInfo): Target {
  return model.target ?? { kind: model.task === 'segmentation' ? 'multiclass' : 'class' };
}
