import type { Answer, MapRow } from './api/types';
import { duration } from './words';
import { readable } from './volume/statistics';

export interface Column {
  key: string;
  title: string;
  numeric: boolean;
  /** A word of the glossary that explains it. */
  term?: string;
  /** What explains it where the glossary does not. */
  meaning?: string;
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

/** A question of the verdict; sorted by the methods' places, which is also the order of yes, weak and no. */
function answers(question: Answer): Column {
  const { name } = question;
  return {
    key: `verdict:${name}`,
    title: VERDICT_TITLES[name] ?? title(name),
    numeric: false,
    meaning: `${question.question} ${sentence(question.figure)}: ${question.rule}.`,
    value: (row) => answerOf(row, name)?.rank ?? null,
    show: (row) => answerOf(row, name)?.word ?? '',
  };
}

const VERDICT_TITLES: Record<string, string> = {
  weights: 'Learnt?',
  stable: 'Stable?',
  faithful: 'Faithful?',
  complete: 'Complete?',
};

/** What a column of the verdict says of a row; nothing in other columns. */
export function answerIn(row: MapRow, column: Column): Answer | undefined {
  return column.key.startsWith('verdict:') ? answerOf(row, column.key.slice('verdict:'.length)) : undefined;
}

function answerOf(row: MapRow, name: string): Answer | undefined {
  return row.verdict.find((one) => one.name === name);
}

/** An answer in a sentence: its number, how sure it is, and the method's place. */
export function explained(answer: Answer): string {
  if (answer.word === 'not tested') return 'No check was made that answers this.';
  if (answer.word === 'not claimed') return 'The method does not promise this.';
  const range =
    answer.low === null ? '' : `, between ${readable(answer.low)} and ${readable(answer.high)} (95 %)`;
  const unsure = answer.sure === false ? ' The interval allows other answers too.' : '';
  const images = `${answer.images} ${answer.images === 1 ? 'image' : 'images'}`;
  const place = answer.rank === null ? '' : ` Place ${answer.rank} among the methods.`;
  return `${sentence(answer.figure)}: ${readable(answer.value)}${range}, over ${images}.${unsure}${place}`;
}

/** The columns that say something about these maps; metrics have one each. */
export function columnsOf(rows: MapRow[]): Column[] {
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  const measures = [...new Set(rows.flatMap((row) => Object.keys(row.measures)))];
  const questions = [...new Map(rows.flatMap((row) => row.verdict).map((one) => [one.name, one])).values()];
  const columns: Column[] = [
    words('title', 'Method', (row) => row.title),
    words('target', 'Target', (row) => row.target),
    words('layer', 'Layer', (row) => row.layer),
    words('status', 'Status', (row) => row.status),
    number('seconds', 'Time', (row) => row.seconds, duration),
    ...questions.map(answers),
    ...metrics.map((key) =>
      number(`metric:${key}`, title(key), (row) => row.metrics[key] ?? null, readable, 'metric'),
    ),
    ...measures.map((key) => number(`measure:${key}`, title(key), (row) => row.measures[key] ?? null)),
    words('warnings', 'Warnings', (row) => row.warnings.join(' ') || null),
  ];
  const always = ['title', 'status'];
  return columns.filter(
    (column) =>
      always.includes(column.key) || rows.some((row) => column.value(row) !== null || answerIn(row, column)),
  );
}

function title(key: string): string {
  return sentence(key.replaceAll('_', ' '));
}

function sentence(text: string): string {
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
