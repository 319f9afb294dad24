type Choice = 'system' | 'light' | 'dark';

const KEY = 'esegeta-theme';

/** Light or dark, as the system says or as the user chose. */
class Theme {
  choice = $state<Choice>('system');
  #system = globalThis.matchMedia?.('(prefers-color-scheme: dark)');

  constructor() {
    const kept = globalThis.localStorage?.getItem(KEY);
    if (kept === 'light' || kept === 'dark') this.choice = kept;
    this.#system?.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  get dark(): boolean {
    return this.choice === 'dark' || (this.choice === 'system' && (this.#system?.matches ?? false));
  }

  toggle(): void {
    this.choice = this.dark ? 'light' : 'dark';
    localStorage.setItem(KEY, this.choice);
    this.#apply();
  }

  #apply(): void {
    if (globalThis.document) document.documentElement.dataset.theme = this.dark ? 'dark' : 'light';
  }
}

export const theme = new Theme();
