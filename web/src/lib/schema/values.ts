import { isOptional, type NumberShape, type Shape } from './schema';

export type Parsed = { value: unknown; error?: undefined } | { value?: undefined; error: string };

/** A value as the text of an input; nothing is the empty text. */
export function format(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(format).join(', ');
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

/** The text of an input as a value of the shape, or what is wrong with it. */
export function parse(shape: Shape, text: string): Parsed {
  const trimmed = text.trim();
  if (trimmed === '' && isOptional(shape)) return { value: null };
  switch (shape.kind) {
    case 'number':
      return parseNumber(shape, trimmed);
    case 'choice':
      return shape.options.includes(trimmed)
        ? { value: trimmed }
        : { error: `choose one of: ${shape.options.join(', ')}` };
    case 'boolean':
      return trimmed === 'true' || trimmed === 'false'
        ? { value: trimmed === 'true' }
        : { error: 'yes or no is needed' };
    case 'list':
      return parseList(shape, trimmed);
    case 'tuple':
      return parseTuple(shape.items, trimmed);
    case 'union':
      return parseUnion(shape.options, trimmed);
    case 'null':
      return trimmed === '' ? { value: null } : { error: 'must stay empty' };
    case 'text':
      return { value: text };
    case 'object':
    case 'python':
      return { error: 'cannot be typed here' };
  }
}

function parseNumber(shape: NumberShape, text: string): Parsed {
  const value = Number(text);
  if (text === '' || Number.isNaN(value) || !Number.isFinite(value)) return { error: 'a number is needed' };
  if (shape.integer && !Number.isInteger(value)) return { error: 'a whole number is needed' };
  const error = outOfBounds(shape, value);
  return error ? { error } : { value };
}

/** What is wrong with a number's size, or nothing. */
export function outOfBounds(shape: NumberShape, value: number): string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = shape;
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    return `must be more than ${exclusiveMinimum}`;
  if (maximum !== undefined && value > maximum) return `must be at most ${maximum}`;
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
    return `must be less than ${exclusiveMaximum}`;
  return undefined;
}

function pieces(text: string): string[] {
  return text
    .replace(/^\[|\]$/g, '')
    .split(/[,;\s]+/)
    .filter((piece) => piece !== '');
}

function parseList(shape: Extract<Shape, { kind: 'list' }>, text: string): Parsed {
  const values: unknown[] = [];
  for (const piece of pieces(text)) {
    const item = parse(shape.item, piece);
    if (item.error !== undefined) return { error: `${piece}: ${item.error}` };
    values.push(item.value);
  }
  if (values.length < shape.minItems) return { error: `at least ${shape.minItems} needed` };
  if (values.length > shape.maxItems) return { error: `at most ${shape.maxItems} allowed` };
  return { value: values };
}

function parseTuple(items: Shape[], text: string): Parsed {
  const given = pieces(text);
  if (given.length !== items.length)
    return { error: `${items.length} values are needed, with commas between` };
  const values: unknown[] = [];
  for (const [index, item] of items.entries()) {
    const one = parse(item, given[index]!);
    if (one.error !== undefined) return { error: `${given[index]}: ${one.error}` };
    values.push(one.value);
  }
  return { value: values };
}

function parseUnion(options: Shape[], text: string): Parsed {
  const errors: string[] = [];
  for (const option of options.filter((one) => one.kind !== 'null')) {
    const parsed = parse(option, text);
    if (parsed.error === undefined) return parsed;
    errors.push(parsed.error);
  }
  return { error: [...new Set(errors)].join('; or ') };
}

/** The allowed range in words, such as "1 to 100" or "more than 0". */
export function boundsOf(shape: Shape): string {
  if (shape.kind === 'union') return [...new Set(shape.options.map(boundsOf))].filter(Boolean).join(' or ');
  if (shape.kind === 'list') return boundsOf(shape.item);
  if (shape.kind === 'tuple') return `${shape.items.length} numbers${suffix(boundsOf(shape.items[0]!))}`;
  if (shape.kind !== 'number') return '';
  const low = shape.minimum ?? shape.exclusiveMinimum;
  const high = shape.maximum ?? shape.exclusiveMaximum;
  const lowWords = shape.exclusiveMinimum !== undefined ? `more than ${low}` : `${low}`;
  const highWords = shape.exclusiveMaximum !== undefined ? `less than ${high}` : `${high}`;
  if (low !== undefined && high !== undefined) return `${lowWords} to ${highWords}`;
  if (low !== undefined) return shape.exclusiveMinimum !== undefined ? lowWords : `${low} or more`;
  return high !== undefined ? `up to ${highWords}` : '';
}

function suffix(bounds: string): string {
  return bounds ? `, each ${bounds}` : '';
}

const UNITS: [RegExp, string][] = [
  [/\bin voxels\b|width .* voxels/i, 'voxels'],
  [/\bin degrees\b/i, '°'],
  [/\bin mm\b|millimet/i, 'mm'],
  [/\bseconds\b/i, 's'],
  [/\bshare of\b/i, 'share'],
];

/** The unit that a description names, or nothing. */
export function unitOf(description: string): string {
  return UNITS.find(([pattern]) => pattern.test(description))?.[1] ?? '';
}

/** A field's name for people: `multiply_by_inputs` becomes "Multiply by inputs". */
export function titleOf(name: string): string {
  const words = name.replaceAll('_', ' ').replace(/\brelu\b/, 'ReLU');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
