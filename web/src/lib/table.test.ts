import { describe, expect, it } from 'vitest';
import type { Answer, MapRow } from './api/types';
import { pairs, type Side } from './compare';
import { placed } from './errors';
import { answerIn, columnsOf, explained, sorted } from './table';
import { bytes, duration } from './words';

function row(part: Partial<MapRow>): MapRow {
  return {
    id: '0',
    method: 'saliency',
    title: 'Saliency',
    label: 'saliency',
    target: 'grey matter',
    target_index: 2,
    layer: null,
    image: 'mni',
    status: 'ok',
    reason: null,
    seconds: 1,
    passes: {},
    warnings: [],
    measures: {},
    metrics: {},
    verdict: [],
    cascades: [],
    quantity: '',
    signed: false,
    shows: 'map',
    volume: '/volume',
    figure: null,
    file: null,
    ...part,
  };
}

describe('the table of maps', () => {
  const rows = [
    row({ id: 'a', seconds: 3 }),
    row({ id: 'b', seconds: null }),
    row({ id: 'c', metrics: { infidelity: 0.1 } }),
  ];

  it('has a column for a metric only where one is there', () => {
    expect(columnsOf(rows).map((column) => column.key)).toContain('metric:infidelity');
    expect(columnsOf([rows[0]!]).map((column) => column.key)).toEqual([
      'title',
      'target',
      'status',
      'seconds',
    ]);
  });

  it('sorts, and puts what has no value last either way', () => {
    const seconds = columnsOf(rows).find((column) => column.key === 'seconds')!;
    expect(sorted(rows, seconds, true).map((one) => one.id)).toEqual(['c', 'a', 'b']);
    expect(sorted(rows, seconds, false).map((one) => one.id)).toEqual(['a', 'c', 'b']);
  });
});

function answer(part: Partial<Answer>): Answer {
  return {
    name: 'stable',
    question: 'Does it stay where the image hardly changes?',
    figure: 'largest relative change of the map',
    rule: 'yes up to 0.5, no above 1',
    word: 'weak',
    value: 0.7,
    low: null,
    high: null,
    images: 1,
    rank: 2,
    sure: null,
    ...part,
  };
}

describe('the verdict in the table', () => {
  const rows = [
    row({ id: 'a', verdict: [answer({})] }),
    row({ id: 'b', verdict: [answer({ word: 'not tested', value: null, rank: null })] }),
    row({ id: 'c', verdict: [answer({ word: 'yes', value: 0.1, rank: 1 })] }),
    row({ id: 'd' }),
  ];
  const column = columnsOf(rows).find((one) => one.key === 'verdict:stable')!;

  it('has a column for each question, which says what was asked and by which rule', () => {
    expect(column.title).toBe('Stable?');
    expect(column.meaning).toBe(
      'Does it stay where the image hardly changes? Largest relative change of the map: yes up to 0.5, no above 1.',
    );
    expect(rows.map((one) => answerIn(one, column)?.word)).toEqual(['weak', 'not tested', 'yes', undefined]);
    expect(columnsOf([rows[3]!]).some((one) => one.key.startsWith('verdict'))).toBe(false);
    expect(columnsOf([rows[1]!]).map((one) => one.key)).toContain('verdict:stable');
  });

  it('is sorted by place, what has none last', () => {
    expect(sorted(rows, column, true).map((one) => one.id)).toEqual(['c', 'a', 'b', 'd']);
    expect(sorted(rows, column, false).map((one) => one.id)).toEqual(['a', 'c', 'b', 'd']);
  });

  it('tells the number, how sure it is, and the place', () => {
    expect(explained(answer({ low: 0.4, high: 1.2, images: 3, sure: false }))).toBe(
      'Largest relative change of the map: 0.7, between 0.4 and 1.2 (95 %), over 3 images. ' +
        'The interval allows other answers too. Place 2 among the methods.',
    );
    expect(explained(answer({ word: 'not claimed', value: null }))).toContain('does not promise');
  });
});

describe('comparing', () => {
  it('puts equal maps beside each other, and says what one run lacks', () => {
    const image = { name: 'mni', spatial_dims: 3, volume: '/image', label: null, prediction: null };
    const side = (rows: MapRow[]): Side => ({ run: { images: [image] } as unknown as Side['run'], rows });
    const found = pairs(
      side([row({ id: '1' }), row({ id: '2', label: 'rise' })]),
      side([row({ id: '7' })]),
      'mni',
    );
    expect(found.map((pair) => pair.sides.map((each) => each.item?.id))).toEqual([
      ['1', '7'],
      ['2', undefined],
    ]);
    expect(found[1]!.sides[1]!.reason).toContain('no such map');
  });
});

describe('errors of the server', () => {
  it('come to the forms of their methods', () => {
    const entries = [{ key: 'k', name: 'rise', values: {} }];
    expect(placed({ 'methods[0].masks': 'too few', target: 'odd' }, entries)).toEqual({
      'k.masks': 'too few',
      target: 'odd',
    });
  });
});

describe('words', () => {
  it('are those of people', () => {
    expect([0.2, 40, 200, 7260].map(duration)).toEqual(['< 1 s', '40 s', '3 min', '2 h 1 min']);
    expect(bytes(1_662_094_496)).toBe('1.7 GB');
  });
});
