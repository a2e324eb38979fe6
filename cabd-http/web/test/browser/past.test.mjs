// The history of a feature and the inventory as of a day, with answers as the service gives them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SAMPLE, browser, clean, inventory, serve } from './service.mjs';
import { serious, settled, visit } from './visit.mjs';

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

const value = (name, from, to) => ({ attribute: name, name, from, to });
const ACTS = [
  { commit: 1, datetime: '2024-03-01T10:00:00Z', kind: 'import', data_source_name: 'First survey', rows: [{ relation: 'dams', action: 'INSERT', values: Array.from({ length: 9 }, (_, i) => value(`a${i}`, null, i)) }] },
  { commit: 7, datetime: '2025-05-01T15:30:00Z', author: 'somebody', reason: 'Measured <b>again</b>', kind: 'edit', rows: [{ relation: 'dams', action: 'UPDATE', values: [value('height_m', 214, 215.5)] }] },
];
const RELEASES = [{ name: '2025.1', title: 'Spring', commit: 5, datetime: '2025-04-01T00:00:00Z' }];

/** Lets the page believe that the service tells the past, or that it does not. */
const offered = (page, past) =>
  page.route((url) => url.pathname === '/' || url.pathname.startsWith('/feature/'), async (r) => {
    const answer = await r.fetch();
    await r.fulfill({ response: answer, body: (await answer.text()).replace(/"past":(true|false)/, `"past":${past}`) });
  });

test('where the service tells nothing of the past, nothing of it is offered', async () => {
  const v = await visit(chrome, service.base);
  await offered(v.page, false);
  await v.go(`/feature/${id}?lang=en&as-of=2024-01-01`);
  await v.page.waitForSelector('.near a');
  assert.equal(await v.page.locator('.history, p.then').count(), 0);
  await v.go('/?lang=en&as-of=2024-01-01');
  assert.equal(await v.page.locator('input[type=date], p.then').count(), 0);
  v.sound();
  await v.close();
});

for (const lang of ['en', 'fr']) {
  test(`${lang}: a feature has its history, and the inventory is shown as of a day`, async () => {
    const v = await visit(chrome, service.base, { dark: lang === 'fr' });
    const { page } = v;
    const then = [];
    await page.route(/cabd-api.*as-of=/, (r) => {
      then.push(r.request().url());
      return r.continue({ url: r.request().url().replace(/as-of=[^&]*/, '') });
    });
    await page.route(/\/history\?/, (r) => r.fulfill({ json: ACTS }));
    await page.route(/\/releases\?/, (r) => r.fulfill({ json: RELEASES }));
    await offered(page, true);
    await v.go(`/feature/${id}?lang=${lang}`);
    await page.waitForSelector('.history li');
    const told = await page.textContent('.history');
    const wanted = lang === 'fr' ? ['Modifié', 'Measured <b>again</b>', '214', '215,5', 'Ajouté', 'First survey'] : ['Changed', 'Measured <b>again</b>', '214', '215.5', 'Added', 'First survey'];
    wanted.reduce((from, text) => {
      const at = told.indexOf(text, from);
      assert.ok(at >= 0, `${text} after ${from} of: ${told}`);
      return at;
    }, 0);
    assert.deepEqual(await serious(page), []);
    await page.locator('.history a').first().click();
    await page.waitForSelector('p.then');
    assert.match(page.url(), /as-of=7/);
    await v.go(`/?lang=${lang}`);
    await page.locator('input[type=date]').fill('2024-05-01');
    await page.locator('input[type=date]').blur();
    await page.waitForFunction(() => location.search.includes('as-of=2024-05-01'));
    await settled(page);
    assert.deepEqual(await serious(page), []);
    assert.ok(then.some((url) => url.includes('.mvt') && url.includes('as-of=2024-05-01')), 'tiles');
    assert.ok(then.some((url) => url.includes('max-results=0') && url.includes('as-of=2024-05-01')), 'counts');
    await page.locator('.releases select').selectOption('5');
    await page.waitForFunction(() => location.search.includes('as-of=5'));
    await page.locator('p.then .button').click();
    await page.waitForFunction(() => !location.search.includes('as-of'));
    v.sound();
    await v.close();
  });
}
