import { api } from '../api/client';
import type { Catalogue, ModelInfo, Session } from '../api/types';

/** What the server offers; asked for once, and again where it failed. */
class Server {
  session = $state.raw<Promise<Session>>(new Promise(() => undefined));
  models = $state.raw<Promise<ModelInfo[]>>(new Promise(() => undefined));
  catalogue = $state.raw<Promise<Catalogue>>(new Promise(() => undefined));
  #asked = false;

  /** Ask, unless it has been asked. */
  ask(): void {
    if (!this.#asked) this.again();
  }

  again(): void {
    this.#asked = true;
    this.session = api.session();
    this.models = api.models();
    this.catalogue = api.methods();
    for (const promise of [this.session, this.models, this.catalogue])
      promise.catch(() => (this.#asked = false));
  }
}

export const server = new Server();
