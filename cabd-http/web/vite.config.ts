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

/** What is part of the page, beside its own files. */
const PARTS = ['maplibre-gl', 'svelte', 'pmtiles', 'fflate', 'topojson-client', 'world-atlas', 'pbf', '@mapbox/vector-tile', '@mapbox/point-geometry', '@fontsource-variable/figtree'];

function licences(): string {
  const text = (part: string) => {
    const folder = join('node_modules', part);
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
    const named = `${JSON.stringify(about.license)}, ${JSON.stringify(about.repository ?? about.author)}`;
    if (!file) return `${part}\n${'='.repeat(part.length)}\n\n${named}\n`;
    return `${part}\n${'='.repeat(part.length)}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  };
  return PARTS.map(text).join('\n\n');
}

/** The map's code is fetched with the page's own, not after it. */
function early(): Plugin {
  return {
    name: 'cabd-early',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle }) =>
        Object.values(bundle ?? {}).flatMap((part) =>
          part.type === 'chunk' && part.isDynamicEntry && part.name === 'maplibre-gl'
            ? [{ tag: 'link', attrs: { rel: 'modulepreload', fetchpriority: 'low', href: `./${part.fileName}` }, injectTo: 'head' as const }]
            : [],
        ),
    },
  };
}

/** Names the built files to the service worker, and packs each one. */
function finish(): Plugin {
  return {
    name: 'cabd-finish',
    apply: 'build',
    closeBundle() {
      writeFileSync(join(OUT, 'licences.txt'), licences());
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
  plugins: [svelte(), early(), finish()],
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
