/** How far a map reaches: the limits of its colours. */
export interface Limits {
  low: number;
  high: number;
  /** Whether values below zero carry meaning. */
  signed: boolean;
}

const SAMPLES = 200_000;

/** A quantile of the values that are finite, from a regular sample of large arrays. */
export function quantile(
  data: Float32Array,
  share: number,
  of: (value: number) => number = (value) => value,
): number {
  const step = Math.max(1, Math.floor(data.length / SAMPLES));
  const sample: number[] = [];
  for (let index = 0; index < data.length; index += step) {
    const value = of(data[index]!);
    if (Number.isFinite(value)) sample.push(value);
  }
  if (sample.length === 0) return 0;
  sample.sort((a, b) => a - b);
  return sample[Math.min(sample.length - 1, Math.round(share * (sample.length - 1)))]!;
}

/** The window of an anatomical image: from its 1st to its 99th percentile. */
export function windowOf(data: Float32Array): [number, number] {
  const low = quantile(data, 0.01);
  const high = quantile(data, 0.99);
  return high > low ? [low, high] : [low, low + 1];
}

/** The reach of a map's colours: its 99.5th percentile of magnitude, or the largest where that is zero. */
export function reachOf(data: Float32Array): number {
  const robust = quantile(data, 0.995, Math.abs);
  if (robust > 0) return robust;
  let largest = 0;
  for (const value of data) if (Math.abs(value) > largest) largest = Math.abs(value);
  return largest || 1;
}

/** Whether any value is below zero by more than a trace. */
export function hasNegative(data: Float32Array): boolean {
  const trace = 1e-6 * reachOf(data);
  return data.some((value) => value < -trace);
}

/** A number as a person reads it: three significant digits, powers of ten where they help. */
export function readable(value: number | null | undefined): string {
  if (value === undefined || value === null || Number.isNaN(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [digits, power] = value.toExponential(2).split('e');
    return `${digits}·10${superscript(Number(power))}`;
  }
  return String(Number(value.toPrecision(3)));
}

function superscript(power: number): string {
  return [...String(power)].map((sign) => (sign === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(sign)])).join('');
}
