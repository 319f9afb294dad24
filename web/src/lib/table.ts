import type { MapRow } from './api/types';
import { duration } from './words';
import { readable } from './volume/statistics';

export interface Column {
  key: string;
  title: string;
  numeric: boolean;
  /** A word of the glossary that explains it. */
  term?: string;
  value: (row: MapRow) => string | number | null;
  show: (row: MapRow) => string;
}

function words(key: string, title: string, value: (row: MapRow) => string | null, term?: string): Column {
  return { key, title, numeric: false, term, value, show: (row) => value(row) ?? '' };
}

function number(
  key: string,
  title: string,
  value: (row: MapRow) => number | null,
  show = readable,
  term?: string,
): Column {
  return { key, title, numeric: true, term, value, show: (row) => show(value(row)) };
}

/** The columns that say something about these maps; metrics have one each. */
export function columnsOf(rows: MapRow[]): Column[] {
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  const measures = [...new Set(rows.flatMap((row) => Object.keys(row.measures)))];
  const columns: Column[] = [
    words('title', 'Method', (row) => row.title),
    words('target', 'Target', (row) => row.target),
    words('layer', 'Layer', (row) => row.layer),
    words('status', 'Status', (row) => row.status),
    number('seconds', 'Time', (row) => row.seconds, duration),
    words('verdict', 'Verdict', (row) => row.verdict, 'verdict'),
    ...metrics.map((key) =>
      number(`metric:${key}`, title(key), (row) => row.metrics[key] ?? null, readable, 'metric'),
    ),
    ...measures.map((key) => number(`measure:${key}`, title(key), (row) => row.measures[key] ?? null)),
    words('warnings', 'Warnings', (row) => row.warnings.join(' ') || null),
  ];
  const always = ['title', 'status'];
  return columns.filter(
    (column) => always.includes(column.key) || rows.some((row) => column.value(row) !== null),
  );
}

function title(key: string): string {
  const text = key.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Rows by a column; what has no value comes last either way. */
export function sorted(rows: MapRow[], column: Column, up: boolean): MapRow[] {
  return [...rows].sort((one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
    return up ? order : -order;
  });
}
