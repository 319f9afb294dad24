import type { LayerInfo } from '../layers';
import type { JsonSchema } from '../schema/schema';

export type { LayerInfo };

export interface Session {
  version: string;
  devices: { name: string; title: string }[];
  precisions: string[];
  max_upload_bytes: number;
}

export interface ImageRef {
  ref: string;
  name: string;
  folder: string | null;
  bytes: number;
  shape: number[] | null;
  spatial_dims: number | null;
  /** What an expert drew on an example. */
  label?: string | null;
}

export interface ModelInfo {
  id: string;
  name: string;
  summary: string;
  task: 'segmentation' | 'classification' | null;
  spatial_dims: number;
  classes: string[];
  accepts_checkpoint: boolean;
  format: string;
  examples: ImageRef[];
  target: Record<string, unknown> | null;
  layers: string[];
  unavailable: string | null;
}

export interface MethodInfo {
  name: string;
  title: string;
  family: string;
  summary: string;
  source: string;
  sweep: string;
  spatial_dims: number[];
  schema: JsonSchema;
  shows: 'map' | 'picture';
}

export interface Preset {
  name: string;
  title: string;
  summary: string;
  methods: (string | Record<string, unknown>)[];
}

/** A check of maps. */
export interface MetricInfo {
  name: string;
  title: string;
  summary: string;
  source: string;
  /** "higher", "lower", or nothing where neither is better. */
  better: string | null;
  needs_label: boolean;
}

export interface Catalogue {
  methods: MethodInfo[];
  metrics?: MetricInfo[];
  presets: Preset[];
}

/** A config as the front end sends it. */
export type Config = Record<string, unknown>;

export interface Validation {
  fields: Record<string, string>;
  methods: Record<string, string>;
}

export interface PlanJob {
  sweep: string;
  specification: string;
  methods: string[];
  places: number;
  passes: Record<string, number>;
  seconds: number;
  memory_bytes: number;
}

export interface Plan {
  images: string[];
  targets: string[];
  incompatible: Record<string, string>;
  device: string;
  jobs: PlanJob[];
}

export interface Exported {
  config: Config;
  command: string;
  python: string;
}

export type RunStatus = 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

export interface RunRow {
  id: string;
  name: string;
  status: RunStatus;
  place: number | null;
  created: string | null;
  started: string | null;
  finished: string | null;
  model: string;
  images: string[];
  counts: Record<string, number>;
  total: number | null;
  error: string | null;
}

export interface RunImage {
  name: string;
  spatial_dims: number;
  volume: string | null;
  label: string | null;
  prediction: string | null;
}

export interface RunDetail extends Omit<RunRow, 'images'> {
  images: RunImage[];
  config: Config | null;
  notes: string[];
  warnings: string[];
}

/** What a method's verdict says to one of its questions. */
export interface Answer {
  name: string;
  question: string;
  /** What the number is, and from where on it means yes or no. */
  figure: string;
  rule: string;
  word: string;
  value: number | null;
  /** The interval over images. */
  low: number | null;
  high: number | null;
  images: number;
  /** Place among the methods, the best first. */
  rank: number | null;
  /** Whether the whole interval gives the same word. */
  sure: boolean | null;
}

/** A map at a step of a cascade of random weights; pictures are float32 in base 64, row by row from the top. */
export interface CascadeStep {
  steps: string[];
  similarity: (number | null)[];
  views: {
    name: string;
    width: number;
    height: number;
    spacing: [number, number];
    marks: string[];
    values: string;
  }[];
}

export interface MapRow {
  id: string;
  method: string;
  title: string;
  label: string;
  target: string | null;
  target_index: number | null;
  layer: string | null;
  image: string;
  status: string;
  reason: string | null;
  seconds: number | null;
  passes: Record<string, number>;
  warnings: string[];
  measures: Record<string, number>;
  metrics: Record<string, number>;
  /** What the method's verdict says, question by question; empty where it was not judged. */
  verdict: Answer[];
  /** Checks that kept this map at every step of a cascade, by name. */
  cascades: string[];
  quantity: string;
  signed: boolean;
  shows: 'map' | 'picture';
  volume: string | null;
  figure: string | null;
  file: string | null;
}

/** Where a run stands. */
export interface RunState {
  status: RunStatus;
  jobs: number | null;
  job: number | null;
  workers: { worker: number; image: string; labels: string[]; done: number; total: number }[];
  counts: Record<string, number>;
  seconds_left: number | null;
}
