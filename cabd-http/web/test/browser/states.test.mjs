// Every room and state of the page, in both languages, on each store: nothing on the console, nothing asked elsewhere, nothing serious for axe.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SAMPLE, browser, clean, hostile, inventory, kinds, serve } from './service.mjs';
import { MOVED, serious, settled, visit } from './visit.mjs';

let chrome;
before(async () => {
  chrome = await browser();
});
after(async () => {
  await chrome?.close();
  clean();
});

const NAMES = {
  en: { types: 'Map', filter: 'Filter', list: 'List', charts: 'Charts', download: 'Download', about: 'About', found: 'Daniel-Johnson Dam (Manic-5)', none: 'No feature passes here.', other: 'Français' },
  fr: { types: 'Carte', filter: 'Filtre', list: 'Liste', charts: 'Graphiques', download: 'Télécharger', about: 'À propos', found: 'Barrage Daniel-Johnson (Manic-5)', none: 'Aucun élément ne correspond ici.', other: 'English' },
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

    for (const lang of ['en', 'fr']) {
      const words = NAMES[lang];

      test(`${lang}: each room can be walked through and is sound`, async () => {
        const v = await visit(chrome, service.base, { dark: lang === 'fr' });
        await v.go(`/?lang=${lang}`);
        const { page } = v;
        assert.equal(await page.getAttribute('html', 'lang'), lang);
        assert.match(await page.textContent('.legend'), /264[\s\S]*120[\s\S]*43/);
        assert.deepEqual(await serious(page), [], 'types');
        for (const room of ['filter', 'list', 'charts', 'download', 'about']) {
          await page.getByRole('navigation').getByRole('link', { name: words[room], exact: true }).click();
          await settled(page);
          assert.equal((await page.textContent('main h1')).trim(), words[room]);
          if (room === 'filter') {
            for (const summary of await page.locator('.field-box summary').all()) await summary.click();
            await settled(page);
          }
          if (room === 'list') await page.waitForSelector('tbody tr');
          if (room === 'charts') await page.waitForSelector('figure button');
          if (room === 'download') await page.waitForFunction(() => /407|427/.test(document.querySelector('.total')?.textContent ?? ''));
          if (room === 'about') await page.waitForSelector('.admin .lines');
          assert.deepEqual(await serious(page), [], room);
        }
        await page.locator('.admin .button').click();
        await page.waitForSelector('.admin .good, .admin .warning, .admin .note, .admin .error');
        await page.goBack();
        assert.equal((await page.textContent('main h1')).trim(), words.download);
        assert.ok((await page.evaluate(() => window.shifts)) < MOVED, `layout moved by ${await page.evaluate(() => window.shifts)}`);
        v.sound();
        await v.close();
      });

      test(`${lang}: a feature has a page of its own, also on a telephone`, async () => {
        for (const size of [[1280, 800], [375, 740]]) {
          const v = await visit(chrome, service.base, { size, dark: size[0] < 600 });
          await v.go(`/feature/${id}?lang=${lang}`);
          await v.page.waitForSelector('.near a');
          assert.equal(await v.page.textContent('main h1'), words.found);
          assert.match(await v.page.textContent('main'), /Hydro-Québec/);
          assert.match(await v.page.textContent('main'), /cabd sample: dams/);
          const wide = await v.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wide <= 0, 'nothing is wider than the screen');
          const tall = await v.page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
          assert.ok(tall <= 0, 'nothing is below the screen');
          assert.deepEqual(await serious(v.page), []);
          await v.page.getByRole('link', { name: words.other }).click();
          await v.page.waitForFunction((before) => document.querySelector('main h1')?.textContent !== before, words.found);
          assert.match(v.page.url(), new RegExp(`/feature/${id}\\?lang=${lang === 'en' ? 'fr' : 'en'}`));
          v.sound();
          await v.close();
        }
      });

      test(`${lang}: search finds names without accents, identifiers and coordinates`, async () => {
        const v = await visit(chrome, service.base);
        await v.go(`/?lang=${lang}`);
        const { page } = v;
        const field = page.locator('#search');
        await page.keyboard.press('/');
        await page.keyboard.type('REVELSTOKE');
        await page.waitForSelector('#found li');
        assert.deepEqual(await serious(page), []);
        await field.fill('riviere zzz');
        await page.waitForSelector('.drop [role=status]');
        await field.fill('daniel-johnson');
        await page.waitForSelector('#found li mark');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await page.waitForFunction((name) => document.querySelector('main h1')?.textContent === name, words.found);
        assert.match(page.url(), new RegExp(id));
        await field.fill(id);
        await page.waitForSelector('#found li');
        await field.fill('50,64; -68,727');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => /map=12\/50\.6/.test(location.href));
        await field.fill('');
        await field.blur();
        await field.focus();
        assert.equal(await page.locator('#found li').count(), 2, 'recent searches');
        v.sound();
        await v.close();
      });

      test(`${lang}: a filter is set by hand, said, shared, and leaves by the back button`, async () => {
        const v = await visit(chrome, service.base);
        await v.go(`/?lang=${lang}&room=filter&type=dams`);
        const { page } = v;
        const box = page.locator('.field-box').filter({ has: page.locator('input[type=number]') }).first();
        await box.locator('summary').click();
        await page.waitForSelector('.bars i');
        await box.locator('input[type=number]').first().fill('150');
        await box.locator('input[type=number]').first().press('Enter');
        await page.waitForSelector('.sentence .chip');
        const asked = new URL(page.url()).searchParams.get('filter');
        assert.match(asked, /^[a-z_]+:gte:150$/);
        const said = await page.textContent('.sentence .chip');
        assert.match(said, lang === 'fr' ? /au moins/ : /at least/);
        const counted = await (await fetch(`${service.base}/cabd-api/features/dams?max-results=0&filter=${asked}`)).headers.get('content-range');
        await page.getByRole('navigation').getByRole('link', { name: words.list, exact: true }).click();
        await page.locator('.check input').uncheck();
        await settled(page);
        await page.waitForFunction((n) => document.querySelectorAll('tbody tr').length === Math.min(50, n), Number(counted.split('/')[1]));
        await v.go(new URL(page.url()).pathname + new URL(page.url()).search);
        assert.equal(await page.textContent('.sentence .chip'), said, 'the address holds the filter');
        await page.locator('.sentence .chip').click();
        await page.waitForFunction(() => !location.search.includes('filter='));
        await page.goBack();
        await page.waitForSelector('.sentence .chip');
        v.sound();
        await v.close();
      });

      test(`${lang}: empty, failed, slow and unknown are said`, async () => {
        const v = await visit(chrome, service.base, { expected: [/500|404/, /net::ERR_FAILED/] });
        const { page } = v;
        await v.go(`/?lang=${lang}&room=list&list=all&type=dams&filter=height_m:gte:9999`);
        assert.match(await page.textContent('main'), new RegExp(words.none));
        assert.deepEqual(await serious(page), []);
        await v.go(`/feature/00000000-0000-0000-0000-000000000000?lang=${lang}`);
        await page.waitForSelector('[role=alert]');
        assert.deepEqual(await serious(page), []);
        await page.route(/features\/summary/, (r) => r.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"detail":"<b>no</b>","request_id":"r1"}' }));
        await page.goto(`${service.base}/?lang=${lang}&room=charts`);
        await page.waitForSelector('[role=alert] .button');
        assert.match(await page.textContent('[role=alert]'), /<b>no<\/b>[\s\S]*r1/);
        assert.deepEqual(await serious(page), []);
        await page.unroute(/features\/summary/);
        await page.locator('[role=alert] .button').click();
        await page.waitForSelector('figure button');
        await page.route(/\/features\?/, async (r) => {
          await new Promise((done) => setTimeout(done, 4000));
          await r.continue().catch(() => undefined);
        });
        await page.goto(`${service.base}/?lang=${lang}&room=list&list=all`);
        await page.waitForFunction((text) => document.querySelector('main')?.textContent?.includes(text), lang === 'fr' ? 'plus long que d’habitude' : 'longer than usual');
        await page.unroute(/\/features\?/);
        await page.route(/\.mvt/, (r) => r.abort());
        await page.goto(`${service.base}/?lang=${lang}`);
        await page.waitForSelector('.note.fail .button');
        v.sound();
        await v.close();
      });
    }

    test('an empty inventory says so', async () => {
      const empty = await serve(inventory(kind, []));
      const v = await visit(chrome, empty.base);
      await v.go('/?lang=fr');
      assert.match(await v.page.textContent('main'), /L’inventaire est vide/);
      assert.deepEqual(await serious(v.page), []);
      assert.ok(!(await v.page.content()).includes('administrateurs'));
      v.sound();
      await v.close();
      await empty.stop();
    });

    test('hostile text is text', async () => {
      const text = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'{{7*7}}${7*7}\u202e' + 'Donaudampfschifffahrt'.repeat(18);
      const bad = await serve(inventory(kind, hostile(text)));
      const v = await visit(chrome, bad.base);
      await v.go('/?lang=en&room=list&list=all&type=dams&set=all&map=11/50.64/-68.727');
      await v.page.waitForSelector('tbody tr');
      assert.ok((await v.page.textContent('tbody')).includes('<img src=x onerror=alert(1)>'));
      await v.page.locator('tbody a').first().click();
      await v.page.waitForSelector('.plainlist');
      assert.ok((await v.page.textContent('main h1')).includes('<script>'));
      await v.page.setViewportSize({ width: 375, height: 740 });
      const wide = await v.page.evaluate(() => [document.documentElement, document.querySelector('main')].map((e) => e.scrollWidth - e.clientWidth));
      assert.deepEqual(wide, [0, 0], 'a long word makes nothing wider than the screen');
      await v.page.setViewportSize({ width: 1280, height: 800 });
      await v.page.locator('#search').fill('<img');
      await v.page.waitForSelector('#found li');
      await v.go(`/?lang=en&room=filter&type=dams&filter=owner:like:${encodeURIComponent(text)}&name=${encodeURIComponent(text)}`);
      await v.page.waitForSelector('.chip');
      await v.page.waitForTimeout(300);
      assert.equal(await v.page.locator('main img, main script').count(), 0);
      v.sound();
      await v.close();
      await bad.stop();
    });
  });
}
