// A visit to the page that notes what must not happen.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Opens a page in a context of its own. `expected` are patterns of console messages that belong to a test, `also` what else may be asked. */
export async function visit(browser, base, { size = [1280, 800], dark = false, worker = false, expected = [], also = [] } = {}) {
  const context = await browser.newContext({
    viewport: { width: size[0], height: size[1] },
    colorScheme: dark ? 'dark' : 'light',
    hasTouch: size[0] < 600,
    reducedMotion: 'reduce',
    serviceWorkers: worker ? 'allow' : 'block',
    // What a policy forbids must be seen to be forbidden, also by what tests add: they add nothing to the document.
    bypassCSP: false,
  });
  const page = await context.newPage();
  const faults = [];
  page.on('console', (m) => {
    const text = m.text();
    const quiet = m.type() !== 'error' && m.type() !== 'warning';
    // Of the browser itself: it was told to have no worker, and it draws without a graphics card.
    if (quiet || /Service Worker registration blocked|GPU stall|GroupMarkerNotSet/.test(text) || expected.some((e) => e.test(text))) return;
    faults.push(`${m.type()}: ${text} ${m.location().url}`);
  });
  page.on('pageerror', (e) => faults.push(`error: ${e.stack}`));
  page.on('dialog', (d) => {
    faults.push(`dialog: ${d.message()}`);
    void d.dismiss();
  });
  page.on('request', (r) => {
    if (![base, ...also].some((root) => r.url().startsWith(root)) && !/^(blob|data):/.test(r.url())) faults.push(`asked elsewhere: ${r.url()}`);
  });
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  return {
    page,
    context,
    go: async (path) => {
      await page.goto(base + path, { waitUntil: 'load' });
      await settled(page);
    },
    /** What went wrong so far, as a failure. */
    sound: () => assert.deepEqual(faults, []),
    close: () => context.close(),
  };
}

/** Waits until nothing is being loaded or drawn. */
export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('.bones') && document.querySelector('main')?.textContent?.trim(), null, { timeout: 30_000 });
  await page.waitForSelector('[data-settled=true], .note.fail', { state: 'attached', timeout: 60_000 });
}

/** Most that the layout may have moved by itself since the page was opened: what Core Web Vitals call good. */
export const MOVED = 0.1;

/** What axe finds that is serious, and whether the layout has moved. */
export async function serious(page) {
  // Run in the page's world without adding a script element, which the policy forbids.
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const moved = await page.evaluate(() => window.shifts);
  const all = found.violations
    .filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`).join(' | ')}`);
  return moved > MOVED ? [...all, `the layout moved by ${moved.toFixed(3)}`] : all;
}
