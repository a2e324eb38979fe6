// Times of a first visit and of moving about, printed; no test. `scripts/page.sh measure STORE`
import { browser, clean, serve } from './service.mjs';

const [store, ...settings] = process.argv.slice(2);
const VISITS = Number(process.env.CABD_VISITS ?? 7);
if (!store) {
  console.error('usage: scripts/page.sh measure STORE|URL [setting=value…]');
  process.exit(2);
}
const own = !/^https?:/.test(store);
const service = own ? await serve(store, ...settings) : { base: store.replace(/\/$/, ''), stop: async () => undefined };
const chrome = await browser();

const middle = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
const shown = (all, digits = 0) => `${middle(all).toFixed(digits)} (${Math.min(...all).toFixed(digits)} – ${Math.max(...all).toFixed(digits)})`;

/** Notes when the panel has its numbers, when the map shows features, and when all is still. */
function watch() {
  window.seen = {};
  const note = (name) => (window.seen[name] ??= performance.now());
  const look = () => {
    if (document.querySelector('#search')) note('frame');
    if ([...document.querySelectorAll('.legend .count')].some((e) => /\d/.test(e.textContent))) note('panel');
    if (document.querySelector('[data-ahead=true]')) note('picture');
    const holder = document.querySelector('.holder');
    if (holder?.dataset.drawn === 'true') note('map');
    if (holder?.dataset.settled === 'true') note('still');
    if (!window.seen.still) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function first(path) {
  // A context of its own has no cache, no worker, and the code is compiled anew.
  const context = await chrome.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(service.base + path);
  await page.waitForFunction(() => window.seen.still, null, { timeout: 60_000 });
  const got = await page.evaluate(() => {
    const all = performance.getEntriesByType('resource');
    return {
      ...window.seen,
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
      requests: all.length,
      bytes: all.reduce((sum, r) => sum + r.transferSize, 0) / 1000,
    };
  });
  await context.close();
  return got;
}

/**
 * Frames while the map moves by itself, and how long each took; and how often the page's own thread was held for more than 50 ms.
 * Without a graphics card a frame waits for the drawing, which is done on the processor; the second number does not.
 */
async function move(path, steps) {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(service.base + path);
  await page.waitForFunction(() => window.seen.still, null, { timeout: 60_000 });
  await page.locator('.maplibregl-canvas').focus();
  await page.evaluate(() => {
    window.frames = [];
    window.held = [];
    new PerformanceObserver((list) => window.held.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask' });
    let last = performance.now();
    const tick = (now) => {
      window.frames.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  for (const key of steps) {
    await page.keyboard.press(key);
    await page.waitForTimeout(450);
  }
  const frames = (await page.evaluate(() => window.frames)).slice(1);
  const held = await page.evaluate(() => window.held);
  await context.close();
  const sorted = [...frames].sort((a, b) => a - b);
  return { rate: (1000 * frames.length) / frames.reduce((a, b) => a + b, 0), slow: sorted[Math.floor(sorted.length * 0.95)], worst: sorted.at(-1), held: held.length, longest: Math.max(0, ...held) };
}

/** How long after a letter its results are there; the page itself waits a moment for the next letter. */
async function search(texts) {
  const context = await chrome.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.goto(`${service.base}/?lang=en`);
  await page.waitForSelector('[data-settled=true]', { state: 'attached', timeout: 60_000 });
  const out = [];
  for (const text of texts) {
    const answered = page.waitForResponse((r) => new URL(r.url()).searchParams.get('namefilter') === `like:${text}`);
    const begun = performance.now();
    await page.locator('#search').fill(text);
    const answer = await answered;
    await answer.finished();
    out.push(`${text} ${(performance.now() - begun).toFixed(0)} ms (${answer.headers()['content-range']?.split('/')[1]} found)`);
  }
  await context.close();
  return out;
}

const STEPS = ['ArrowRight', 'ArrowLeft', '+', 'ArrowUp', 'ArrowRight', '+', 'ArrowDown', '+', '-', 'ArrowLeft', '-', '-'];
try {
  await first('/?lang=en'); // The service has made its tiles, the browser has started its processes.
  const visits = [];
  for (let i = 0; i < VISITS; i++) visits.push(await first('/?lang=en'));
  const of = (name) => visits.map((v) => v[name]);
  console.log(`first view, ${VISITS} visits without a cache, ms: middle (least – most)`);
  for (const [name, what] of [['paint', 'first paint'], ['frame', 'search and sections'], ['panel', 'types with counts'], ['picture', 'features in a picture'], ['map', 'features on the map'], ['still', 'nothing left to draw']]) {
    console.log(`  ${what.padEnd(22)} ${shown(of(name))}`);
  }
  console.log(`  ${'requests'.padEnd(22)} ${shown(of('requests'))}\n  ${'kB received'.padEnd(22)} ${shown(of('bytes'))}`);
  const all = await move('/?lang=en', STEPS);
  console.log(`search while typing\n  ${(await search(['mi', 'mil', 'mill', 'lac', 'barrage', 'zzz'])).join('\n  ')}`);
  const none = await move('/?lang=en&off=dams,waterfalls,fishways,stream_crossings,modelled_crossings,sites', STEPS);
  const said = (m) => `${m.rate.toFixed(0)} frames a second, 95 of 100 within ${m.slow.toFixed(0)} ms, worst ${m.worst.toFixed(0)} ms; thread held ${m.held} times, ${m.longest.toFixed(0)} ms at most`;
  console.log(`moving about by keyboard\n  with features          ${said(all)}\n  base map alone         ${said(none)}`);
} finally {
  await chrome.close();
  await service.stop();
  if (own) clean();
}
