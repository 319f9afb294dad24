import type { MethodInfo, Plan } from './api/types';
import { duration } from './words';

/** Families from the plain to the special; others come last. */
const ORDER = ['Gradient', 'Path', 'Noise', 'Rule', 'Class activation map', 'Layer', 'Mask', 'Surrogate'];

/** Methods by family. */
export function byFamily(methods: MethodInfo[]): [string, MethodInfo[]][] {
  const families = new Map<string, MethodInfo[]>();
  for (const family of ORDER) if (methods.some((one) => one.family === family)) families.set(family, []);
  for (const method of methods) families.set(method.family, [...(families.get(method.family) ?? []), method]);
  return [...families];
}

/** Whether a search finds a method: every word in its name, family, summary or paper. */
export function matches(method: MethodInfo, search: string): boolean {
  const text = [method.name, method.title, method.family, method.summary, method.source]
    .join(' ')
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** What each method costs on the model, in words, by its name in the run. */
export function costs(plan: Plan | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const job of plan?.jobs ?? []) for (const name of job.methods) found[name] = duration(job.seconds);
  return found;
}

/** Which other methods a method shares its sweep with, by names in the run. */
export function partners(plan: Plan | undefined): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const job of plan?.jobs ?? []) {
    for (const name of job.methods) found[name] = job.methods.filter((other) => other !== name);
  }
  return found;
}
