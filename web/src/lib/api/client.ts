import type {
  CascadeStep,
  Catalogue,
  Config,
  Exported,
  ImageRef,
  LayerInfo,
  MapRow,
  ModelInfo,
  Plan,
  RunDetail,
  RunRow,
  Session,
  Validation,
} from './types';

/** What the server says is wrong: a sentence, and the fields it concerns. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly fields: Record<string, string> = {},
  ) {
    super(message);
  }
}

const STATUS_TEXT: Record<number, string> = {
  0: 'The server does not answer. Is “esegeta serve” still running?',
  401: 'This page has lost its key. Open the link that “esegeta serve” printed once more.',
  413: 'This file is too large for the server.',
};

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(STATUS_TEXT[0]!, 0);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as {
    error?: string;
    fields?: Record<string, string>;
  };
  const text = body.error ?? STATUS_TEXT[response.status] ?? `The server refused (${response.status}).`;
  return new ApiError(text, response.status, body.fields);
}

async function get<T>(path: string): Promise<T> {
  return (await (await request(path)).json()) as T;
}

async function post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body ?? {}),
    signal,
  });
  return (await response.json()) as T;
}

/** Send a file with progress in shares of its size. */
function upload(file: File, kind: string, onprogress: (share: number) => void): Promise<ImageRef> {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open('POST', `/api/uploads?kind=${kind}&name=${encodeURIComponent(file.name)}`);
    sending.setRequestHeader('Content-Type', 'application/octet-stream');
    sending.upload.onprogress = (event) => onprogress(event.loaded / Math.max(1, event.total));
    sending.onerror = () => reject(new ApiError(STATUS_TEXT[0]!, 0));
    sending.onload = () => {
      const body = JSON.parse(sending.responseText || '{}') as ImageRef & { error?: string };
      if (sending.status < 300) resolve(body);
      else
        reject(
          new ApiError(body.error ?? STATUS_TEXT[sending.status] ?? 'The file was refused.', sending.status),
        );
    };
    sending.send(file);
  });
}

const part = encodeURIComponent;

/** Everything the server can be asked for. */
export const api = {
  session: () => get<Session>('/api/session'),
  models: () => get<ModelInfo[]>('/api/models'),
  /** The layers of a model, run on an image; without one, on its first example. */
  layers: (model: string, checkpoint: string | null, image: string | undefined) => {
    const query = new URLSearchParams({ ...(checkpoint ? { checkpoint } : {}), ...(image ? { image } : {}) });
    return get<LayerInfo[]>(`/api/models/${part(model)}/layers?${query.toString()}`);
  },
  images: (folder = '') =>
    get<{ folders: string[]; images: ImageRef[] }>(`/api/images?folder=${part(folder)}`),
  upload,
  methods: () => get<Catalogue>('/api/methods'),
  validate: (config: Config, signal?: AbortSignal) => post<Validation>('/api/validate', config, signal),
  plan: (config: Config, signal?: AbortSignal) => post<Plan>('/api/plan', config, signal),
  exported: (config: Config) => post<Exported>('/api/export', config),
  imported: (config: Config) => post<{ config: Config; problems: string[] }>('/api/import', config),
  start: (config: Config) => post<RunRow>('/api/runs', config),
  runs: () => get<RunRow[]>('/api/runs'),
  run: (id: string) => get<RunDetail>(`/api/runs/${part(id)}`),
  maps: (id: string) => get<MapRow[]>(`/api/runs/${part(id)}/maps`),
  /** A map at a step of a cascade; without its name, of the first. */
  cascade: (run: string, map: string, metric: string, step: number) =>
    get<CascadeStep>(`/api/runs/${part(run)}/maps/${part(map)}/cascade?metric=${part(metric)}&step=${step}`),
  cancel: (id: string) => post<unknown>(`/api/runs/${part(id)}/cancel`),
  resume: (id: string) => post<unknown>(`/api/runs/${part(id)}/resume`),
  remove: (id: string) => request(`/api/runs/${part(id)}`, { method: 'DELETE' }),
  log: async (id: string) => (await request(`/api/runs/${part(id)}/log?tail=300`)).text(),
  bytes: async (url: string) => (await request(url)).arrayBuffer(),
  predict: async (config: Config) => {
    const response = await request('/api/predict', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(config),
    });
    return response.arrayBuffer();
  },
  eventsUrl: (id: string) => `/api/runs/${part(id)}/events`,
  /** An image as the file holds it, or as a model sees it after its preprocessing. */
  volumeUrl: (ref: string, model = '') =>
    `/api/images/${part(ref)}/volume${model ? `?model=${part(model)}` : ''}`,
  reportUrl: (id: string) => `/api/runs/${part(id)}/report`,
  archiveUrl: (id: string, what: 'maps' | 'figures' | 'all') => `/api/runs/${part(id)}/archive?what=${what}`,
};
