import type { MapRow, RunDetail } from './api/types';
import { itemsOf, subjectOf } from './viewer/run';
import type { MapItem, Subject } from './viewer/subject';

export interface Side {
  run: RunDetail;
  rows: MapRow[];
}

export interface MapPair {
  key: string;
  title: string;
  sides: { subject: Subject; item: MapItem | undefined; reason: string }[];
}

/** The maps that either run has of an image, those of one method, target and layer beside each other. */
export function pairs(one: Side, other: Side, image: string): MapPair[] {
  const sides = [one, other].map((side) => ({
    rows: side.rows.filter((row) => row.image === image && row.shows === 'map'),
    items: itemsOf(side.run.id, side.rows, image),
    subject: subjectOf(side.run.images.find((own) => own.name === image)!),
  }));
  const keys = [...new Set(sides.flatMap((side) => side.rows.map(keyOf)))];
  return keys.flatMap((key) => {
    const rows = sides.map((side) => side.rows.find((row) => keyOf(row) === key));
    const row = rows.find(Boolean)!;
    if (sides.some((side) => !side.subject) || !rows.some((each) => each?.volume)) return [];
    return [
      {
        key,
        title: [row.title, row.target, row.layer].filter(Boolean).join(' · '),
        sides: sides.map((side, index) => ({
          subject: side.subject!,
          item: side.items.find((item) => item.id === rows[index]?.id),
          reason: rows[index] ? (rows[index].reason ?? rows[index].status) : 'This run has no such map.',
        })),
      },
    ];
  });
}

function keyOf(row: MapRow): string {
  return [row.label, row.target, row.layer].join('\0');
}
