import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closed, fold, isId, marked, rank, webAddress } from '../../.test/text.js';
import { faults, text } from '../../.test/words.js';

test('accents and capitals do not matter', () => {
  assert.equal(fold('Éléments à l’ŒUVRE'), 'elements a l’oeuvre');
});

test('what was asked for is marked in the text as it is written', () => {
  assert.deepEqual(marked('Barrage Élan', 'elan'), [{ text: 'Barrage ', hit: false }, { text: 'Élan', hit: true }]);
  assert.deepEqual(marked('Œuvre', 'oe'), [{ text: 'Œ', hit: true }, { text: 'uvre', hit: false }]);
  assert.equal(marked('<b>x</b>', '<b>').map((p) => p.text).join(''), '<b>x</b>');
  assert.deepEqual(marked('', 'a'), []);
});

test('the beginning of a name goes before its middle', () => {
  const names = ['Old Mill', 'Mill', 'Millstream', 'Watermill'];
  names.sort((a, b) => rank(a, 'mill') - rank(b, 'mill'));
  assert.deepEqual(names, ['Mill', 'Millstream', 'Old Mill', 'Watermill']);
});

test('only addresses of the web become links', () => {
  assert.equal(webAddress('https://example.org/a'), 'https://example.org/a');
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', ' https://x', 'https://', '//x']) assert.equal(webAddress(bad), undefined, bad);
});

test('identifiers are known by their form', () => {
  assert.ok(isId(' 01a20296-486c-7527-8766-18b6f2fd1273 '));
  assert.ok(!isId('01a20296'));
});

test('every text is there in both languages with the same places', () => {
  assert.deepEqual(faults(), []);
  assert.equal(text('fr', 'features', { n: '1 000' }), '1 000 éléments');
  assert.equal(text('en', 'copyFailed', { text: '{n} $& <b>' }), 'Copying is not allowed here. The text: {n} $& <b>');
});

test('a text of the other direction turns nothing around it', () => {
  assert.equal(closed('Manic-5, é'), 'Manic-5, é');
  assert.equal(closed('\u202eabc \u2066d'), '\u2068abc d\u2069');
  assert.equal(closed('שלום'), '\u2068שלום\u2069');
});
