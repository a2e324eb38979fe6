import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const OUT = 'dist/page';

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

/** Names the built files to the service worker, and packs each one. */
function finish(): Plugin {
  return {
    name: 'cabd-finish',
    apply: 'build',
    closeBundle() {
      const built = files(OUT).filter((path) => !/\.(br|gz)$/.test(path));
      const names = built.map((path) => path.slice(OUT.length + 1)).filter((name) => name.startsWith('assets/') || name === 'icon.svg');
      const worker = join(OUT, 'sw.js');
      writeFileSync(worker, readFileSync(worker, 'utf8').replace('__FILES__', names.sort().join(' ')));
      for (const path of built) {
        if (/\.(woff2|html)$/.test(path)) continue;
        const bytes = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

const service = process.env.CABD_SERVICE ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: './',
  plugins: [svelte(), finish()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: { index: 'index.html', sw: 'src/sw.ts' },
      output: {
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { proxy: { '/cabd-api': service, '/basemap.pmtiles': service } },
});
