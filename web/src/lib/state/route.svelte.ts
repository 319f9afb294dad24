/** Where the user is: the part of the address behind `#`, so that reloading and going back work without the server. */
export type Route =
  | { page: 'what' | 'methods' | 'parameters' | 'runs' }
  | { page: 'run'; run: string }
  | { page: 'compare'; runs: [string, string] };

const PLAIN = ['what', 'methods', 'parameters', 'runs'] as const;

/** The place that an address names; the first screen where it names none. */
export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const [page = '', first = '', second = ''] = parts;
  if (page === 'run' && first) return { page, run: first };
  if (page === 'compare' && first && second) return { page, runs: [first, second] };
  return { page: PLAIN.find((one) => one === page) ?? 'what' };
}

/** The address of a place. */
export function href(route: Route): string {
  if (route.page === 'run') return `#/run/${encodeURIComponent(route.run)}`;
  if (route.page === 'compare') return `#/compare/${route.runs.map(encodeURIComponent).join('/')}`;
  return `#/${route.page}`;
}

class Router {
  route = $state<Route>(parseRoute(globalThis.location?.hash ?? ''));

  constructor() {
    globalThis.addEventListener?.('hashchange', () => {
      this.route = parseRoute(location.hash);
      document.getElementById('content')?.focus();
      window.scrollTo(0, 0);
    });
  }
}

export const router = new Router();

/** Go to a place. */
export function go(route: Route): void {
  location.hash = href(route);
}
