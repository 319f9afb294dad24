import { api } from '../api/client';
import type { RunState } from '../api/types';

export interface MapEvent {
  label: string;
  image: string;
  target: string | null;
  layer: string | null;
  status: string;
  reason: string | null;
}

/** A run as it goes on: told by the server's events, from wherever it is when the page opens. */
export class Live {
  state = $state.raw<RunState>();
  recent = $state.raw<MapEvent[]>([]);
  notes = $state.raw<string[]>([]);
  broken = $state(false);
  /** Counts up with every map, so that lists know when to ask again. */
  maps = $state(0);
  ended = $state(false);
  #source: EventSource | undefined;

  /** Listen to a run; returns what ends it. */
  listen(id: string): () => void {
    const source = new EventSource(api.eventsUrl(id));
    this.#source = source;
    source.onopen = () => (this.broken = false);
    source.onerror = () => (this.broken = !this.ended);
    this.#on<RunState>('state', (state) => {
      this.state = state;
    });
    source.addEventListener('end', () => this.#end());
    this.#on<MapEvent>('map', (map) => {
      this.recent = [map, ...this.recent].slice(0, 8);
      this.maps += 1;
    });
    this.#on<{ text: string }>('note', ({ text }) => (this.notes = [...this.notes, text]));
    return () => source.close();
  }

  #on<T>(kind: string, hear: (data: T) => void): void {
    this.#source!.addEventListener(kind, (event) =>
      hear(JSON.parse((event as MessageEvent<string>).data) as T),
    );
  }

  #end(): void {
    this.ended = true;
    this.#source?.close();
  }
}
