import type { CascadeStep } from '../api/types';
import { picked, type Plane, type Sign } from '../volume/layers';
import { hasNegative, reachOf } from '../volume/statistics';
import { decode } from './base64';

/** A picture of a map at a step of a cascade. */
export interface StepPicture {
  name: string;
  marks: string[];
  plane: Plane;
  /** The end of its colour scale, which all pictures of the step share. */
  reach: number;
  diverging: boolean;
}

/** The pictures of a step, as the sign that is shown wants them. */
export function planesOf(step: CascadeStep, sign: Sign): StepPicture[] {
  const read = step.views.map((view) => ({ view, data: new Float32Array(decode(view.values)) }));
  const signed = read.some(({ data }) => hasNegative(data));
  const reach = Math.max(...read.map(({ data }) => reachOf(data)));
  return read.map(({ view, data }) => ({
    name: view.name,
    marks: view.marks,
    plane: {
      width: view.width,
      height: view.height,
      spacing: view.spacing,
      data: signed ? picked(data, sign) : data,
    },
    reach,
    diverging: signed && sign !== 'magnitude',
  }));
}
