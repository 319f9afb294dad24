import { describe, expect, it } from 'vitest';
import { attributesOf, fieldsOf, isOptional, shapeOf, type JsonSchema } from './schema';
import { boundsOf, format, parse, unitOf } from './values';
import { fieldsOfKind, kindOf, variant, variantsOf } from './variants';

const BASELINE: JsonSchema = {
  type: 'object',
  title: 'Baseline',
  description: [
    'What stands for nothing.',
    '',
    'Attributes:',
    '    kind: `constant`; `zero`; `blur`; `array`, from Python.',
    '    value: The value of a `constant`.',
    '    sigma: Of `blur` in voxels,',
    '        a number.',
    '    array: The tensor of an `array`.',
  ].join('\n'),
  properties: {
    kind: { enum: ['constant', 'zero', 'blur', 'array'], type: 'string' },
    value: { type: 'number', default: 0 },
    sigma: { anyOf: [{ type: 'number', exclusiveMinimum: 0 }, { type: 'null' }], default: null },
    array: {
      anyOf: [{ type: 'string', description: 'An array, given from Python only.' }, { type: 'null' }],
    },
  },
  required: ['kind'],
};

describe('shapes', () => {
  it('resolves references and reads attributes from the docstring', () => {
    const schema: JsonSchema = {
      type: 'object',
      $defs: { Baseline: BASELINE },
      properties: { baseline: { $ref: '#/$defs/Baseline', default: 'zero' } },
    };
    const [field] = fieldsOf(schema);
    expect(field?.shape.kind).toBe('object');
    expect(attributesOf(BASELINE.description!).sigma).toBe('Of `blur` in voxels, a number.');
  });

  it('joins choices of a union and knows nothing as optional', () => {
    const shape = shapeOf({
      anyOf: [{ const: 'image', type: 'string' }, { type: 'integer', minimum: 1 }, { type: 'null' }],
    });
    expect(isOptional(shape)).toBe(true);
    expect(parse(shape, 'image')).toEqual({ value: 'image' });
    expect(parse(shape, '7')).toEqual({ value: 7 });
    expect(parse(shape, '')).toEqual({ value: null });
    expect(parse(shape, '0').error).toContain('at least 1');
  });
});

describe('values', () => {
  const steps = shapeOf({ type: 'integer', minimum: 1, maximum: 10000 });

  it('refuses what is out of bounds, not whole, or no number', () => {
    expect(parse(steps, '0').error).toBe('must be at least 1');
    expect(parse(steps, '10001').error).toBe('must be at most 10000');
    expect(parse(steps, '2.5').error).toBe('a whole number is needed');
    expect(parse(steps, 'many').error).toBe('a number is needed');
    expect(parse(steps, '').error).toBe('a number is needed');
    expect(boundsOf(steps)).toBe('1 to 10000');
  });

  it('reads lists with commas, spaces and brackets, and writes them back', () => {
    const window = shapeOf({
      anyOf: [
        { type: 'integer', minimum: 1 },
        { type: 'array', items: { type: 'integer', minimum: 1 } },
      ],
    });
    expect(parse(window, '8')).toEqual({ value: 8 });
    expect(parse(window, '[8, 8 4]')).toEqual({ value: [8, 8, 4] });
    expect(format([8, 8, 4])).toBe('8, 8, 4');
    expect(parse(window, '8, 0').error).toContain('at least 1');
  });

  it('counts the values of a tuple', () => {
    const range = shapeOf({ type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }] });
    expect(parse(range, '0, 1')).toEqual({ value: [0, 1] });
    expect(parse(range, '0').error).toContain('2 values');
  });

  it('finds units in descriptions', () => {
    expect(unitOf('Largest shift, in voxels.')).toBe('voxels');
    expect(unitOf('Largest angle in degrees.')).toBe('°');
    expect(unitOf('How they are weighed.')).toBe('');
  });
});

describe('kinds', () => {
  const variants = variantsOf(shapeOf(BASELINE))!;

  it('leaves out what only Python can give', () => {
    expect(variants.kinds).toEqual(['constant', 'zero', 'blur']);
    expect(variants.fields.map((field) => field.name)).toEqual(['value', 'sigma']);
  });

  it('shows the fields of the kind alone', () => {
    expect(fieldsOfKind(variants, 'blur').map((field) => field.name)).toEqual(['sigma']);
    expect(fieldsOfKind(variants, 'zero')).toEqual([]);
  });

  it('writes the short form where it can', () => {
    expect(variant('zero', {})).toBe('zero');
    expect(variant('blur', { sigma: 3 })).toEqual({ kind: 'blur', sigma: 3 });
    expect(kindOf(0.5)).toBe('constant');
  });
});
