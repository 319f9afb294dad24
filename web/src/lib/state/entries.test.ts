import { describe, expect, it } from 'vitest';
import { entry, read, withValue, written } from './entries';
import { href, parseRoute } from './route.svelte';

describe('entries', () => {
  it('are written as short as they can be, and read back', () => {
    const entries = [entry('saliency'), { ...entry('occlusion', { window: 8 }), timeout: 60 }];
    const methods = written(entries);
    expect(methods).toEqual(['saliency', { name: 'occlusion', timeout_s: 60, window: 8 }]);
    expect(written(read(methods))).toEqual(methods);
  });

  it('label a method that stands twice', () => {
    expect(written([entry('rise'), entry('rise', { masks: 9 })])[1]).toEqual({
      name: 'rise',
      label: 'rise 2',
      masks: 9,
    });
  });

  it('forget what equals the default', () => {
    const one = withValue(entry('rise'), 'masks', 9, 100);
    expect(one.values).toEqual({ masks: 9 });
    expect(withValue(one, 'masks', 100, 100).values).toEqual({});
    expect(withValue(one, 'masks', undefined, 100).values).toEqual({});
  });
});

describe('routes', () => {
  it('go there and back', () => {
    for (const hash of ['#/what', '#/runs', '#/run/a%2Fb', '#/compare/a/b'])
      expect(href(parseRoute(hash))).toBe(hash);
    expect(parseRoute('#/nowhere')).toEqual({ page: 'what' });
  });
});
