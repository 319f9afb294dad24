import { api, ApiError } from '../api/client';
import type { Config } from '../api/types';
import { costs } from '../methods';

const BUSY = 409;
const AGAIN_MS = 3000;

/** What every method would cost on the chosen model and image, whether it is chosen or not. */
class Prices {
  costs = $state.raw<Record<string, string>>({});
  /** Why methods cannot be had on this model. */
  reasons = $state.raw<Record<string, string>>({});
  #asked = '';

  /** Ask for all methods, unless that was asked for the same model, image and target. */
  async ask(config: Config, names: string[]): Promise<void> {
    const { model, images, target } = config;
    const key = JSON.stringify([model, images, target]);
    if (key === this.#asked) return;
    this.#asked = key;
    this.costs = {};
    try {
      const { fields, methods } = await api.validate({ ...config, methods: names });
      const open = names.filter((name, place) => !methods[name] && !Object.keys(fields).some(isOf(place)));
      const plan = open.length ? await api.plan({ ...config, methods: open }) : undefined;
      if (this.#asked !== key) return;
      this.reasons = methods;
      this.costs = costs(plan);
    } catch (error) {
      const busy = error instanceof ApiError && error.status === BUSY;
      if (busy && this.#asked === key) setTimeout(() => void this.#again(config, names), AGAIN_MS);
    }
  }

  #again(config: Config, names: string[]): Promise<void> {
    this.#asked = '';
    return this.ask(config, names);
  }
}

function isOf(place: number): (path: string) => boolean {
  return (path) => path === `methods[${place}]` || path.startsWith(`methods[${place}].`);
}

export const prices = new Prices();
