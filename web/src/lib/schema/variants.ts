import { type FieldSpec, type Shape } from './schema';

/** An object that comes in kinds, such as a baseline: which kinds, and which fields each has. */
export interface Variants {
  kinds: string[];
  fields: FieldSpec[];
}

/** The kind of an object that says none: its fields are given one by one. */
export const OWN = 'own values';

/** The kinds of an object shape, or nothing where it has none. Kinds that only a file or Python can fill are left out. */
export function variantsOf(shape: Shape, description = ''): Variants | undefined {
  if (shape.kind !== 'object') return undefined;
  const kind = shape.fields.find((field) => field.name === 'kind');
  if (!kind || kind.shape.kind !== 'choice') return namedVariants(shape.fields, description);
  const rest = shape.fields.filter((field) => field.name !== 'kind');
  const closed = rest.filter((field) => isClosed(field.shape));
  const closedKinds = new Set(closed.flatMap((field) => namedIn(field.description)));
  return {
    kinds: kind.shape.options.filter((option) => !closedKinds.has(option)),
    fields: rest.filter((field) => !closed.includes(field)),
  };
}

/** An object whose description says "`this`, `that`, or an object …": these names, or its fields. */
function namedVariants(fields: FieldSpec[], description: string): Variants | undefined {
  const names = namedIn(description.split('or an object')[0] ?? '');
  return description.includes('or an object') ? { kinds: [...names, OWN], fields } : undefined;
}

function isClosed(shape: Shape): boolean {
  return shape.kind === 'python' || shape.kind === 'null';
}

function namedIn(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map((match) => match[1]!);
}

/** The fields that a kind uses: those whose description names it, or names no kind at all. */
export function fieldsOfKind({ kinds, fields }: Variants, kind: string): FieldSpec[] {
  if (kinds.includes(OWN)) return kind === OWN ? fields : [];
  return fields.filter((field) => {
    const named = namedIn(field.description).filter((word) => kinds.includes(word));
    return named.length === 0 || named.includes(kind);
  });
}

/** The kind of a value in its short form (a name) or its long one. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return 'constant';
  if (value && typeof value === 'object') return 'kind' in value ? String(value.kind) : OWN;
  return '';
}

/** The fields of a value in either form. */
export function partsOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'number') return { value };
  if (!value || typeof value !== 'object') return {};
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'kind'));
}

/** The shortest form of a kind with its parts: a name alone where nothing else is said. */
export function variant(kind: string, parts: Record<string, unknown>): unknown {
  const given = Object.fromEntries(
    Object.entries(parts).filter(([, value]) => value !== undefined && value !== null),
  );
  if (kind === OWN) return given;
  return Object.keys(given).length === 0 ? kind : { kind, ...given };
}
