import { api, ApiError } from '../api/client';
import type { Config, Plan } from '../api/types';
import { costs } from '../methods';

const BUSY = 409;
const AGAIN_MS = 3000;
/** Methods priced by one request: what else the server is asked for meanwhile waits for no more than these. */
const AT_ONCE = 4;

/** What every method would cost on the chosen model and image, whether it is chosen or not. */
class Prices {
  costs = $state.raw<Record<string, string>>({});
  /** Why methods cannot be had on this model. */
  reasons = $state.raw<Record<string, string>>({});
  /** The model, image and target that the costs are of. */
  #of = '';
  /** What is being asked now; a newer question, or none, takes its place. */
  #question: object | undefined;

  /** Ask for all methods whose costs on the model, image and target are not known yet, a few at a time. */
  async ask(config: Config, names: string[]): Promise<void> {
    const { model, images, target } = config;
    const key = JSON.stringify([model, images, target]);
    if (key === this.#of && this.#question) return;
    if (key !== this.#of) this.costs = {};
    this.#of = key;
    const question = (this.#question = {});
    try {
      const { fields, methods } = await api.validate({ ...config, methods: names });
      this.reasons = methods;
      const possible = names.filter((name, at) => !methods[name] && !Object.keys(fields).some(isOf(at)));
      const open = possible.filter((name) => !(name in this.costs));
      for (let from = 0; from < open.length && this.#question === question; from += AT_ONCE) {
        const plan = await planOf({ ...config, methods: open.slice(from, from + AT_ONCE) });
        if (this.#of === key) this.costs = { ...this.costs, ...costs(plan) };
      }
    } catch (error) {
      const busy = error instanceof ApiError && error.status === BUSY;
      if (busy && this.#question === question)
        setTimeout(() => void this.#again(question, config, names), AGAIN_MS);
    }
  }

  /** Ask no further; what is known stays. */
  stop(): void {
    this.#question = undefined;
  }

  async #again(question: object, config: Config, names: string[]): Promise<void> {
    if (this.#question !== question) return;
    this.stop();
    await this.ask(config, names);
  }
}

/** What some methods cost; nothing where one of them cannot be had after all. */
async function planOf(config: Config): Promise<Plan | undefined> {
  try {
    return await api.plan(config);
  } catch (error) {
    if (error instanceof ApiError && error.status !== BUSY) return undefined;
    throw error;
  }
}

function isOf(place: number): (path: string) => boolean {
  return (path) => path === `methods[${place}]` || path.startsWith(`methods[${place}].`);
}

export const prices = new Prices();
