import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** The app, served by `esegeta serve` from the package's own folder. */
export default defineConfig({
  resolve: { alias: { zarrita: fileURLToPath(new URL('./src/lib/no-zarr.ts', import.meta.url)) } },
  plugins: [svelte()],
  base: '/static/',
  build: {
    outDir: '../src/torchesegeta/web/static',
    emptyOutDir: true,
    chunkSizeWarningLimit: 2000,
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
