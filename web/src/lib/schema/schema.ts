/** The part of JSON Schema that pydantic writes for parameters. */
export interface JsonSchema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  format?: string;
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
}

export interface NumberShape {
  kind: 'number';
  integer: boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** What values a parameter may take, reduced to what a form must know. */
export type Shape =
  | { kind: 'boolean' }
  | { kind: 'choice'; options: string[] }
  | NumberShape
  | { kind: 'text' }
  | { kind: 'null' }
  | { kind: 'list'; item: Shape; minItems: number; maxItems: number }
  | { kind: 'tuple'; items: Shape[] }
  | { kind: 'object'; title: string; fields: FieldSpec[] }
  | { kind: 'union'; options: Shape[] }
  | { kind: 'python' };

export interface FieldSpec {
  name: string;
  shape: Shape;
  description: string;
  default: unknown;
  required: boolean;
}

const PYTHON_ONLY = /from Python only/i;

/** The fields of an object schema, in the order of its properties. */
export function fieldsOf(schema: JsonSchema, definitions = schema.$defs ?? {}): FieldSpec[] {
  const documented = attributesOf(schema.description ?? '');
  return Object.entries(schema.properties ?? {}).map(([name, about]) => ({
    name,
    shape: shapeOf(about, definitions),
    description: about.description ?? documented[name] ?? '',
    default: about.default,
    required: schema.required?.includes(name) ?? false,
  }));
}

/** A schema as a shape, references resolved. */
export function shapeOf(schema: JsonSchema, definitions: Record<string, JsonSchema> = {}): Shape {
  if (PYTHON_ONLY.test(schema.description ?? '') && schema.type === 'string') return { kind: 'python' };
  if (schema.$ref) return shapeOf(definitions[schema.$ref.split('/').pop() ?? ''] ?? {}, definitions);
  if (schema.allOf?.length === 1) return shapeOf(schema.allOf[0]!, definitions);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return unionOf(options.map((option) => shapeOf(option, definitions)));
  if (schema.const !== undefined) return { kind: 'choice', options: [String(schema.const)] };
  if (schema.enum) return { kind: 'choice', options: schema.enum.map(String) };
  return plainShape(schema, definitions);
}

function plainShape(schema: JsonSchema, definitions: Record<string, JsonSchema>): Shape {
  switch (schema.type) {
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
    case 'number':
      return numberShape(schema);
    case 'null':
      return { kind: 'null' };
    case 'array':
      return arrayShape(schema, definitions);
    case 'object':
      return { kind: 'object', title: schema.title ?? '', fields: fieldsOf(schema, definitions) };
    default:
      return { kind: schema.format === 'path' ? 'python' : 'text' };
  }
}

function numberShape(schema: JsonSchema): NumberShape {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  return {
    kind: 'number',
    integer: schema.type === 'integer',
    minimum,
    maximum,
    exclusiveMinimum,
    exclusiveMaximum,
  };
}

function arrayShape(schema: JsonSchema, definitions: Record<string, JsonSchema>): Shape {
  if (schema.prefixItems) {
    return { kind: 'tuple', items: schema.prefixItems.map((item) => shapeOf(item, definitions)) };
  }
  return {
    kind: 'list',
    item: shapeOf(schema.items ?? {}, definitions),
    minItems: schema.minItems ?? 0,
    maxItems: schema.maxItems ?? Infinity,
  };
}

/** Alternatives, without those that only Python or a config file can give; choices are joined. */
function unionOf(shapes: Shape[]): Shape {
  const options: Shape[] = [];
  const choices: string[] = [];
  for (const shape of shapes.flatMap((one) => (one.kind === 'union' ? one.options : [one]))) {
    if (shape.kind === 'choice') choices.push(...shape.options);
    else if (!isHidden(shape)) options.push(shape);
  }
  if (choices.length) options.unshift({ kind: 'choice', options: choices });
  if (options.length === 0) return { kind: 'python' };
  return options.length === 1 ? options[0]! : { kind: 'union', options };
}

/** Alternatives that a line of text cannot say: whole objects, and what is closed to the browser. */
function isHidden(shape: Shape): boolean {
  return shape.kind === 'python' || (shape.kind === 'list' && shape.item.kind === 'object');
}

/** The "Attributes:" part of a Google-style docstring: name to text. */
export function attributesOf(docstring: string): Record<string, string> {
  const start = docstring.indexOf('Attributes:');
  if (start < 0) return {};
  const found: Record<string, string> = {};
  let current = '';
  for (const line of docstring.slice(start).split('\n').slice(1)) {
    const head = /^ {4}(\w+): (.*)$/.exec(line);
    if (head) {
      current = head[1]!;
      found[current] = head[2]!;
    } else if (current && line.startsWith('        ')) {
      found[current] += ` ${line.trim()}`;
    }
  }
  return found;
}

/** Whether nothing may be given ("automatic"). */
export function isOptional(shape: Shape): boolean {
  return (
    shape.kind === 'null' ||
    (shape.kind === 'union' && shape.options.some((option) => option.kind === 'null'))
  );
}

/** The shape without "nothing". */
export function withoutNull(shape: Shape): Shape {
  if (shape.kind !== 'union') return shape;
  const options = shape.options.filter((option) => option.kind !== 'null');
  return options.length === 1 ? options[0]! : { kind: 'union', options };
}
