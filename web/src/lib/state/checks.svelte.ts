import { api, ApiError } from '../api/client';
import type { Config, Plan } from '../api/types';

const PAUSE = 400;
/** A newer request, perhaps of another page, took the place of ours. */
const SUPERSEDED = 409;

/** What the server says of the choices: what is wrong, what is impossible, what it costs. */
class Checks {
  fields = $state.raw<Record<string, string>>({});
  methods = $state.raw<Record<string, string>>({});
  plan = $state.raw<Plan>();
  planning = $state(false);
  problem = $state('');
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  /** Check a config soon; a later call takes the place of an earlier one. */
  soon(config: Config | undefined): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#abort = new AbortController();
    this.planning = false;
    if (!config) {
      this.plan = undefined;
      return;
    }
    this.planning = true;
    this.#timer = setTimeout(() => void this.#check(config, this.#abort.signal), PAUSE);
  }

  async #check(config: Config, signal: AbortSignal): Promise<void> {
    try {
      const { fields, methods } = await api.validate(config, signal);
      this.fields = fields;
      this.methods = methods;
      this.problem = '';
      this.plan = Object.keys(fields).length === 0 ? await api.plan(config, signal) : undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === SUPERSEDED) return this.soon(config);
      this.plan = undefined;
      this.problem = error instanceof Error ? error.message : String(error);
      if (error instanceof ApiError && Object.keys(error.fields).length) this.fields = error.fields;
    }
    if (!signal.aborted) this.planning = false;
  }
}

export const checks = new Checks();
