// What people do on the page, to its end, in both languages and on each store: report, choose, compare, take away, print.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SAMPLE, browser, clean, inventory, kinds, serve } from './service.mjs';
import { serious, settled, visit } from './visit.mjs';

let chrome;
before(async () => {
  chrome = await browser();
});
after(async () => {
  await chrome?.close();
  clean();
});

const WORDS = {
  en: { province: 'Province/Territory Name', other: 'Français', nothing: /takes no reports/, sorted: 'Height', undrawn: /cannot draw the map/ },
  fr: { province: 'Nom de la province ou du territoire', other: 'English', nothing: /ne reçoit pas encore/, sorted: 'Hauteur', undrawn: /ne peut pas dessiner la carte/ },
};

for (const kind of kinds()) {
  describe(kind, () => {
    let service;
    let id;
    before(async () => {
      service = await serve(inventory(kind, SAMPLE), 'status=true');
      const found = await (await fetch(`${service.base}/cabd-api/features?namefilter=like:daniel-johnson&max-results=1`)).json();
      id = found.features[0].properties.cabd_id;
    });
    after(() => service?.stop());
    const total = async (query) => {
      const answer = await fetch(`${service.base}/cabd-api/features${query}`);
      return Number(answer.headers.get('content-range').split('/')[1]);
    };

    for (const lang of ['en', 'fr']) {
      const words = WORDS[lang];

      test(`${lang}: a problem is written down and copied`, async () => {
        const v = await visit(chrome, service.base, { dark: lang === 'en' });
        const { page } = v;
        await v.context.grantPermissions(['clipboard-read', 'clipboard-write']);
        await v.go(`/feature/${id}?lang=${lang}`);
        await page.locator('[aria-haspopup=dialog]').click();
        assert.match(await page.textContent('dialog[open]'), words.nothing);
        assert.deepEqual(await serious(page), []);
        await page.keyboard.type('<b>1</b>');
        await page.locator('dialog .primary').click();
        await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes('<b>1</b>'));
        const told = await page.evaluate(() => navigator.clipboard.readText());
        assert.ok(told.includes(`${service.base}/feature/${id}?lang=${lang}`) && told.includes('Daniel-Johnson'), told);
        await page.keyboard.press('Escape');
        await page.waitForFunction(() => !document.querySelector('dialog[open]'));
        assert.match(page.url(), /feature/, 'only the dialog is closed');
        v.sound();
        await v.close();
      });

      test(`${lang}: a province is found by name among the codes, and the filter shared`, async () => {
        const v = await visit(chrome, service.base);
        const { page } = v;
        await v.context.grantPermissions(['clipboard-read', 'clipboard-write']);
        await v.go(`/?lang=${lang}&room=filter&type=dams`);
        const box = page.locator('.field-box').filter({ has: page.getByText(words.province, { exact: true }) }).first();
        await box.locator('summary').click();
        await box.locator('input[type=search]').fill('quebec');
        await page.waitForFunction(() => document.querySelectorAll('.field-box[open] .codes label').length === 1);
        await box.locator('.codes label').click();
        await page.waitForFunction(() => location.search.includes('province_territory_code:in:qc'));
        await settled(page);
        assert.match(await page.textContent('.sentence .chip'), /Qu[ée]bec/);
        await page.getByRole('button', { name: lang === 'fr' ? 'Copier comme requête de l’API' : 'Copy as API request' }).click();
        await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes('/cabd-api/'));
        const request = await page.evaluate(() => navigator.clipboard.readText());
        const given = await fetch(request);
        assert.equal(given.status, 200);
        assert.equal((await given.json()).features.length, await total('/dams?filter=province_territory_code:in:qc&max-results=0'));
        await page.locator('.add, .room > .button').last().click();
        await page.waitForSelector('.add .choice');
        assert.deepEqual(await serious(page), [], 'attributes to choose from');
        // The same place in the other language, and back.
        const before = new URL(page.url()).searchParams;
        await page.getByRole('link', { name: words.other }).click();
        await settled(page);
        const after = new URL(page.url()).searchParams;
        for (const [name, value] of before) if (name !== 'lang' && name !== 'map') assert.equal(after.get(name), value, name);
        assert.notEqual(after.get('lang'), lang);
        await page.goBack();
        await page.waitForFunction((l) => document.documentElement.lang === l, lang);
        v.sound();
        await v.close();
      });

      test(`${lang}: a chart filters, the list is sorted by a column, and what is on screen is taken away`, async () => {
        const v = await visit(chrome, service.base, { dark: lang === 'fr' });
        const { page } = v;
        await v.go(`/?lang=${lang}&room=charts&type=dams`);
        await page.locator('figure li button').first().click();
        await page.waitForFunction(() => location.search.includes('filter='));
        await page.locator('figure li button[aria-pressed=true]').waitFor();
        await settled(page);
        assert.deepEqual(await serious(page), [], 'a chosen bar');
        const asked = new URL(page.url()).searchParams.get('filter');
        const n = await total(`/dams?max-results=0&filter=${asked}`);
        await v.go(`/?lang=${lang}&room=list&type=dams&list=all&filter=${asked}`);
        const head = page.locator('thead button').filter({ hasText: words.sorted }).first();
        await head.click();
        await page.waitForSelector('th[aria-sort=ascending]');
        await head.click();
        await page.waitForSelector('th[aria-sort=descending]');
        assert.match(page.url(), /sort=-/);
        await settled(page);
        assert.deepEqual(await serious(page), [], 'a sorted list');
        await page.locator('.set select').selectOption('all');
        await page.waitForFunction(() => document.querySelectorAll('thead th').length > 30);
        await v.go(`/?lang=${lang}&room=download&type=dams&filter=${asked}`);
        await page.waitForFunction((wanted) => document.querySelector('.total')?.textContent.replace(/\D/g, '') === String(wanted), n);
        assert.match(await page.textContent('.file .number'), /\d/);
        for (const file of await page.locator('a.file').all()) {
          const [taken] = await Promise.all([page.waitForEvent('download'), file.click()]);
          assert.match(taken.suggestedFilename(), /^cabd-.*dams.*\.(json|geojson|csv)$/);
          assert.equal(await taken.failure(), null);
        }
        v.sound();
        await v.close();
      });

      test(`${lang}: a feature is printed with all that is known, and every value explained`, async () => {
        const v = await visit(chrome, service.base, { size: lang === 'fr' ? [768, 1024] : [1440, 900] });
        const { page } = v;
        await v.go(`/feature/${id}?lang=${lang}`);
        await page.waitForSelector('.near a');
        for (const summary of await page.locator('.line summary').all()) await summary.click();
        assert.match(await page.textContent('.more'), /./);
        assert.deepEqual(await serious(page), [], 'explained');
        await page.emulateMedia({ media: 'print' });
        const printed = (selector) => page.locator(selector).first().isVisible();
        for (const gone of ['nav', '.map', '.bar', '[aria-haspopup=dialog]']) assert.equal(await printed(gone), false, gone);
        for (const there of ['main h1', '.line', '.near', '.mono']) assert.equal(await printed(there), true, there);
        const cut = await page.evaluate(() => document.documentElement.scrollHeight - document.querySelector('.feature').getBoundingClientRect().height);
        assert.ok(cut >= 0 && cut < 400, 'nothing is cut off at the end of the screen');
        // What paper leaves out has moved nothing on the screen.
        await page.evaluate(() => (window.shifts = 0));
        assert.deepEqual(await serious(page), [], 'on paper');
        v.sound();
        await v.close();
      });

      test(`${lang}: without WebGL everything but the map works`, async () => {
        const v = await visit(chrome, service.base, { size: lang === 'en' ? [375, 740] : [1280, 800], expected: [/WebGL/i] });
        const { page } = v;
        await page.addInitScript(() => {
          const made = HTMLCanvasElement.prototype.getContext;
          HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return /webgl/.test(kind) ? null : made.call(this, kind, ...rest);
          };
        });
        await v.go(`/?lang=${lang}&room=list&type=dams`);
        await page.waitForSelector('.note.fail');
        assert.match(await page.textContent('.note.fail'), words.undrawn);
        await page.waitForSelector('tbody tr');
        assert.deepEqual(await serious(page), []);
        await v.go(`/?lang=${lang}&room=filter&type=dams`);
        assert.deepEqual(await serious(page), []);
        v.sound();
        await v.close();
      });
    }
  });
}
