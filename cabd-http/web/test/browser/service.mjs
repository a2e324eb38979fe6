// Stores, the built `cabd` over them, and a browser.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const CABD = process.env.CABD_BIN ?? join(TARGET, 'debug', 'cabd');
const folder = mkdtempSync(join(tmpdir(), 'cabd-page-'));
const databases = [];
let next = 0;

function cabd(...args) {
  return execFileSync(CABD, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

function psql(sql) {
  // Beside the server's other programs, where it is not on the PATH.
  const path = `${process.env.PATH}:${process.env.CABD_PG_BINDIR ?? ''}`;
  execFileSync('psql', ['-q', '-X', '-v', 'ON_ERROR_STOP=1', '-d', process.env.CABD_TEST_PG, '-c', sql], { env: { ...process.env, PATH: path }, stdio: 'pipe' });
}

/** The kinds of stores that can be had here. PostGIS is left out only where that is said. */
export function kinds() {
  const server = process.env.CABD_TEST_PG;
  if (server === 'skip') return ['sqlite'];
  assert.ok(server, 'CABD_TEST_PG names no PostGIS server: run through scripts/pg.sh run, or set it to skip');
  return ['sqlite', 'pg'];
}

/** An inventory with the shipped catalogue and these files, each with its mapping. */
export function inventory(kind, files) {
  next += 1;
  let store = join(folder, `${next}.sqlite`);
  if (kind === 'pg') {
    const name = `cabd_page_${process.pid}_${next}`;
    psql(`CREATE DATABASE ${name}`);
    databases.push(name);
    store = process.env.CABD_TEST_PG.replace(/\/[^/]*$/, `/${name}`);
  }
  cabd('init', store);
  for (const [mapping, file] of files) cabd('load', store, '--mapping', mapping, '--author', 'page', file);
  return store;
}

export const SAMPLE = ['dams', 'waterfalls', 'fishways'].map((set) => [`sample-${set}`, join(ROOT, 'catalog', 'sample', `${set}.csv`)]);

/** The sample's dams with a hostile text in every column of words. */
export function hostile(text) {
  const [head, ...lines] = readFileSync(SAMPLE[0][1], 'utf8').trim().split('\n');
  const columns = head.split(',');
  const row = lines[0].split(',');
  const words = columns.map((name, i) => (/^(name|river|reservoir)_|^(owner|comment)$/.test(name) ? `"${text.replaceAll('"', '""')}"` : row[i]));
  const file = join(folder, 'hostile.csv');
  writeFileSync(file, `${head}\n${words.join(',')}\n`);
  return [['sample-dams', file]];
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Serves a store; gives its address. */
export async function serve(store, ...settings) {
  const port = await freePort();
  const flags = ['log_level=error', ...settings].flatMap((s) => ['--set', s]);
  const child = spawn(CABD, ['serve', '--listen', `127.0.0.1:${port}`, ...flags], { env: { ...process.env, CABD_HTTP_STORE: store }, stdio: 'ignore' });
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${base}/health/ready`).catch(() => undefined);
    if (answer?.ok) break;
    assert.ok(tries < 300 && child.exitCode === null, `cabd serve does not answer for ${store}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  return { base, stop: () => new Promise((done) => { child.once('exit', done); child.kill('SIGTERM'); }) };
}

/** Removes what was made. */
export function clean() {
  for (const name of databases) psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  rmSync(folder, { recursive: true, force: true });
}

/** The browser; the map is drawn without a graphics card. */
export function browser() {
  return chromium.launch({
    executablePath: process.env.CABD_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--font-render-hinting=none', '--disable-lcd-text'],
  });
}
