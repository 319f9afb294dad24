import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/** The viewer alone, as one script with its styles inside, for reports that open without a server. */
export default defineConfig({
  resolve: { alias: { zarrita: fileURLToPath(new URL('./src/lib/no-zarr.ts', import.meta.url)) } },
  plugins: [svelte({ emitCss: false })],
  build: {
    outDir: '../src/torchesegeta/web/static',
    emptyOutDir: false,
    chunkSizeWarningLimit: 4000,
    lib: {
      entry: 'src/viewer.ts',
      name: 'EsegetaViewer',
      formats: ['iife'],
      fileName: () => 'viewer.js',
      cssFileName: 'viewer',
    },
  },
});
