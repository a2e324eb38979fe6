// What is the same whatever the store: without a network, by keyboard and thumb, sizes, and how the page looks.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { SAMPLE, browser, clean, inventory, serve } from './service.mjs';
import { serious, settled, visit } from './visit.mjs';

const WEB = fileURLToPath(new URL('../../', import.meta.url));
const KEPT = join(WEB, '../../docs/images');
/** Pixels that may differ, of all, by more than a little: fonts and drawing differ between machines. */
const TOLERANCE = 0.06;

let chrome;
let service;
let id;
before(async () => {
  chrome = await browser();
  service = await serve(inventory('sqlite', SAMPLE));
  const found = await (await fetch(`${service.base}/cabd-api/features?namefilter=like:daniel-johnson&max-results=1`)).json();
  id = found.features[0].properties.cabd_id;
});
after(async () => {
  await chrome?.close();
  await service?.stop();
  clean();
});

test('all JavaScript is under 600 kB packed, the map and its worker included', () => {
  const folder = join(WEB, 'dist/page');
  const all = [...readdirSync(join(folder, 'assets')).map((f) => `assets/${f}`), 'sw.js'];
  const size = (end) => all.filter((f) => f.endsWith(`.js.${end}`)).reduce((sum, f) => sum + statSync(join(folder, f)).size, 0);
  assert.ok(size('gz') > 100_000 && size('gz') < 600_000, `${size('gz')} bytes`);
});

test('built files are kept for good and packed, the page itself is asked for again', async () => {
  const answer = await fetch(`${service.base}/`);
  const html = await answer.text();
  assert.equal(answer.headers.get('cache-control'), 'no-cache');
  const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(html)[1];
  const asset = await fetch(`${service.base}/${script}`, { headers: { 'accept-encoding': 'br' } });
  assert.match(asset.headers.get('cache-control'), /immutable/);
  assert.equal(asset.headers.get('content-encoding'), 'br');
  assert.match(asset.headers.get('content-type'), /^text\/javascript/);
  const again = await fetch(`${service.base}/${script}`, { headers: { 'if-none-match': asset.headers.get('etag') } });
  assert.equal(again.status, 304);
});

test('what was seen is there without a network', async () => {
  const v = await visit(chrome, service.base, { worker: true, expected: [/net::ERR_/, /Failed to load resource/] });
  await v.go('/?lang=en');
  await v.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await v.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  for (const path of ['/?lang=en', `/feature/${id}?lang=en`, '/?lang=en&room=charts&type=dams']) await v.go(path);
  await v.context.setOffline(true);
  await v.go('/?lang=en');
  assert.match(await v.page.textContent('main'), /No network/);
  assert.match(await v.page.textContent('.legend'), /264/);
  await v.go(`/feature/${id}?lang=en`);
  assert.match(await v.page.textContent('main h1'), /Daniel-Johnson/);
  await v.page.goto(`${service.base}/?lang=en&room=charts&type=fishways`);
  await v.page.waitForSelector('[role=alert]');
  await v.context.setOffline(false);
  // What failed is asked for again when the network is back.
  await v.page.waitForSelector('figure button');
  v.sound();
  await v.close();
});

test('the page is used by keyboard alone', async () => {
  const v = await visit(chrome, service.base);
  await v.go('/?lang=en');
  const { page } = v;
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className.includes('skip')), true);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'panel');
  await page.keyboard.press('3');
  await page.waitForSelector('tbody a');
  assert.match(page.url(), /room=list/);
  await page.locator('tbody a').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('.feature h1');
  await page.keyboard.press('Escape');
  await page.waitForSelector('tbody a');
  await page.locator('.maplibregl-canvas').focus();
  const zoom = () => page.evaluate(() => Number(/map=([\d.]+)/.exec(location.href)?.[1] ?? 0));
  const first = await zoom();
  await page.keyboard.press('+');
  await page.waitForFunction((z) => Number(/map=([\d.]+)/.exec(location.href)?.[1] ?? 0) > z, first);
  // Every stop of the tabulator can be seen.
  await page.keyboard.press('1');
  await page.locator('.brand').focus();
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press('Tab');
    const hidden = await page.evaluate(() => {
      const e = document.activeElement;
      const box = e.getBoundingClientRect();
      return e !== document.body && (box.width === 0 || box.height === 0) ? e.outerHTML.slice(0, 120) : '';
    });
    assert.equal(hidden, '');
  }
  v.sound();
  await v.close();
});

test('at 375 pixels a thumb reaches everything', async () => {
  const v = await visit(chrome, service.base, { size: [375, 740] });
  await v.go('/?lang=fr');
  const { page } = v;
  for (const room of ['Filtre', 'Liste', 'Graphiques', 'Télécharger', 'À propos', 'Carte']) {
    await page.getByRole('navigation').getByRole('link', { name: room, exact: true }).tap();
    await settled(page);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375, room);
    const small = await page.$$eval('nav a, header .button, .controls button, main .button:not(.small), main select, main input:not([type=checkbox]):not([type=range])', (all) =>
      all.filter((e) => e.checkVisibility() && (e.getBoundingClientRect().height < 40 || e.getBoundingClientRect().width < 36)).map((e) => e.outerHTML.slice(0, 120)),
    );
    assert.deepEqual(small, [], room);
  }
  const before = await page.locator('.sheet').boundingBox();
  await page.locator('.grip').click();
  await page.waitForFunction((h) => document.querySelector('.sheet').getBoundingClientRect().height > h + 100, before.height);
  v.sound();
  await v.close();
});

test('a click on the map opens what is there; an area is drawn', async () => {
  const v = await visit(chrome, service.base);
  await v.go('/?lang=en&type=dams&map=11/50.64/-68.727');
  const { page } = v;
  const box = await page.locator('.holder').boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForFunction(() => /Daniel-Johnson/.test(document.querySelector('.feature h1')?.textContent ?? ''));
  await v.go('/?lang=en&type=dams&room=filter');
  await page.locator('fieldset .button').first().click();
  await page.mouse.move(box.x + 80, box.y + 80);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, box.y + 400, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => location.search.includes('area='));
  await page.waitForSelector('.sentence .chip');
  v.sound();
  await v.close();
});

test('a picture of the features stands in for the map until the map is there, and shows the same', async () => {
  for (const [size, query] of [[[1280, 800], ''], [[375, 740], ''], [[1280, 800], '&type=dams&map=6.3/50/-121']]) {
    const v = await visit(chrome, service.base, { size });
    let go;
    const late = new Promise((done) => (go = done));
    await v.page.route(/maplibre-gl-worker/, async (r) => {
      await late;
      await r.continue().catch(() => undefined);
    });
    await v.page.goto(`${service.base}/?lang=en${query}`);
    await v.page.waitForSelector('[data-ahead=true]', { state: 'attached' });
    // What tells the two apart beside the map: the scale, and that something is loading.
    const bare = async () => {
      await v.page.$$eval('.maplibregl-ctrl, .bar', (all) => all.forEach((e) => (e.style.visibility = 'hidden')));
      return v.page.screenshot();
    };
    const picture = await bare();
    go();
    await settled(v.page);
    await v.page.waitForTimeout(300);
    const share = await differing(picture, await bare());
    assert.ok(share < 0.03, `${(share * 100).toFixed(1)} % of the pixels differ`);
    v.sound();
    await v.close();
  }
});

test('an outline is drawn by pointer, thumb and keyboard, and asked for', async () => {
  for (const how of ['pointer', 'thumb', 'keyboard']) {
    const v = await visit(chrome, service.base, { size: how === 'thumb' ? [375, 740] : [1280, 800] });
    await v.go('/?lang=en&type=dams&room=filter&map=3/52/-85');
    const { page } = v;
    const start = page.getByRole('button', { name: 'Draw an outline' });
    const asked = page.waitForRequest((r) => decodeURIComponent(r.url()).replaceAll('+', ' ').includes('area=POLYGON(('));
    if (how === 'keyboard') {
      await start.focus();
      await page.keyboard.press('Enter');
      await page.waitForSelector('.cross');
      for (const key of [' ', 'ArrowDown', ' ', 'ArrowRight', ' ', 'Backspace', ' ']) {
        await page.keyboard.press(key);
        await page.waitForTimeout(350);
      }
      assert.deepEqual(await serious(page), []);
      await page.keyboard.press('Enter');
    } else {
      await start.click();
      await page.getByRole('button', { name: 'Done' }).waitFor();
      await page.waitForTimeout(400);
      const box = await page.locator('.holder').boundingBox();
      const at = [[0.2, 0.5], [0.6, 0.45], [0.7, 0.7], [0.3, 0.75]].map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
      for (const [x, y] of at) await (how === 'thumb' ? page.touchscreen.tap(x, y) : page.mouse.click(x, y, { delay: 20 }));
      if (how === 'thumb') await page.getByRole('button', { name: 'Done' }).tap();
      else await page.mouse.click(...at[0]);
    }
    await page.waitForFunction(() => (new URL(location.href).searchParams.get('area') ?? '').split(',').length >= 6);
    await asked;
    const told = new URL(page.url()).searchParams.get('area').split(',').map(Number);
    const ring = told.flatMap((n, i) => (i % 2 ? [] : [`${n} ${told[i + 1]}`]));
    const text = encodeURIComponent(`POLYGON((${[...ring, ring[0]].join(',')}))`);
    const counted = await fetch(`${service.base}/cabd-api/features/dams?max-results=0&area=${text}`);
    assert.equal(counted.status, 200, await counted.text());
    v.sound();
    await v.close();
  }
});

test('a configured style opens its own origin alone, and is replaced where it cannot be had', async () => {
  const asked = [];
  const ground = createServer((q, s) => {
    asked.push(q.url);
    s.setHeader('access-control-allow-origin', '*');
    const style = {
      version: 8,
      sources: { far: { type: 'vector', tiles: ['http://localhost:9/{z}/{x}/{y}.mvt'] } },
      layers: [{ id: 'all', type: 'background', paint: { 'background-color': '#cfe8cf' } }, { id: 'far', type: 'line', source: 'far', 'source-layer': 'x' }],
    };
    if (q.url === '/style.json') s.setHeader('content-type', 'application/json').end(JSON.stringify(style));
    else s.writeHead(404).end();
  });
  await new Promise((done) => ground.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${ground.address().port}`;
  const store = inventory('sqlite', SAMPLE);
  const there = await serve(store, `style_url=${origin}/style.json`);
  const v = await visit(chrome, there.base, { also: [origin, 'http://localhost:9/'], expected: [/Content Security Policy|Failed to load resource|Failed to fetch/] });
  await v.go('/?lang=en');
  await v.page.waitForFunction(() => document.querySelector('.note')?.textContent.includes('Parts of'));
  assert.deepEqual(asked, ['/style.json']);
  assert.match(await v.page.textContent('.legend'), /264/);
  v.sound();
  await v.close();
  await there.stop();
  await new Promise((done) => ground.close(done));
  const gone = await serve(store, `style_url=${origin}/style.json`);
  const w = await visit(chrome, gone.base, { also: [origin], expected: [/ERR_CONNECTION_REFUSED|style diff/] });
  await w.go('/?lang=fr');
  await w.page.waitForFunction(() => document.querySelector('.note')?.textContent.includes('Celui de la page est montré'));
  assert.deepEqual(await serious(w.page), []);
  w.sound();
  await w.close();
  await gone.stop();
});

test('each room looks as it did, in both languages', async () => {
  const states = { types: '', filter: '&room=filter&type=dams&filter=height_m:gte:20', list: '&room=list&type=dams', charts: '&room=charts&type=dams', download: '&room=download', about: '&room=about', none: '&room=list&type=dams&list=all&filter=height_m:gte:9999' };
  const strange = [];
  for (const lang of ['en', 'fr']) {
    const v = await visit(chrome, service.base, { size: [1000, 700], dark: lang === 'fr' });
    for (const [state, query] of [...Object.entries(states), ['feature', `/feature/${id}`]]) {
      await v.go(state === 'feature' ? `${query}?lang=${lang}` : `/?lang=${lang}${query}`);
      await v.page.waitForTimeout(300);
      const shot = await smaller(await v.page.screenshot({ animations: 'disabled' }), 320);
      const share = await kept(join(WEB, 'test/kept', `${state}-${lang}.png`), shot);
      if (share > TOLERANCE) strange.push(`${state}-${lang}: ${(share * 100).toFixed(1)} %`);
    }
    v.sound();
    await v.close();
  }
  assert.deepEqual(strange, [], 'scripts/page.sh pictures keeps the new ones');
});

const SHOTS = [
  ['map-en', '/?lang=en', [1200, 750], false],
  ['list-fr-dark', '/?lang=fr&room=list&type=dams&sort=-height_m&set=simple&map=4.2/52/-72', [1200, 750], true],
  ['feature-fr-375', 'feature', [375, 740], false],
  ['charts-en-768', '/?lang=en&room=charts&type=dams', [768, 900], false],
];

for (const [name, path, size, dark] of SHOTS) {
  test(`${name} looks as it did`, async () => {
    const v = await visit(chrome, service.base, { size, dark });
    const to = path === 'feature' ? `/feature/${id}?lang=fr` : path;
    // The second time the font is there from the beginning.
    await v.go(to);
    await v.go(to);
    await v.page.waitForTimeout(500);
    const shot = await v.page.screenshot({ animations: 'disabled' });
    const file = join(KEPT, `page-${name}.png`);
    v.sound();
    const share = await kept(file, shot);
    assert.ok(share <= TOLERANCE, `${(share * 100).toFixed(1)} % of the pixels differ from ${file}; scripts/page.sh pictures keeps the new one`);
    assert.ok(shot.length < 300_000, `${file} has ${shot.length} bytes`);
    await v.close();
  });
}

/** How much a picture differs from the kept one; keeps it where that is asked for, or there is none. */
async function kept(file, shot) {
  if (process.env.CABD_PAGE_BLESS !== '1' && existsSync(file)) return differing(readFileSync(file), shot);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, shot);
  return 0;
}

/** A picture in a smaller width. */
async function smaller(shot, width) {
  const page = await chrome.newPage();
  const text = await page.evaluate(
    async ([one, to]) => {
      const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${one}`)).blob());
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [to, Math.round((image.height * to) / image.width)];
      const context = canvas.getContext('2d');
      context.imageSmoothingQuality = 'high';
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL('image/png').split(',')[1];
    },
    [shot.toString('base64'), width],
  );
  await page.close();
  return Buffer.from(text, 'base64');
}

/** The share of pixels that differ by more than a little. */
async function differing(a, b) {
  const page = await chrome.newPage();
  const share = await page.evaluate(
    async ([one, other]) => {
      const read = async (text) => {
        const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${text}`)).blob());
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height);
      };
      const [x, y] = [await read(one), await read(other)];
      if (x.width !== y.width || x.height !== y.height) return 1;
      let n = 0;
      for (let i = 0; i < x.data.length; i += 4) {
        const d = Math.max(Math.abs(x.data[i] - y.data[i]), Math.abs(x.data[i + 1] - y.data[i + 1]), Math.abs(x.data[i + 2] - y.data[i + 2]));
        if (d > 40) n += 1;
      }
      return n / (x.data.length / 4);
    },
    [a.toString('base64'), b.toString('base64')],
  );
  await page.close();
  return share;
}
