import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applicable, phrases, read, replaced, written } from '../../.test/filter.js';

const words = {
  is: 'is', isNot: 'is not', or: 'or', and: 'and', less: 'below', atMost: 'at most', more: 'above', atLeast: 'at least', contains: 'contains',
  empty: 'is not known', given: 'is known', between: (a, b) => `from ${a} to ${b}`, quote: (t) => `“${t}”`, number: (v, a) => `${v} ${a.unit ?? ''}`.trim(),
};
const attributes = [
  { id: 'height_m', name: 'Height', type: 'double', unit: 'm' },
  { id: 'status', name: 'Status', type: 'integer', values: [{ value: 1, name: 'Barrier' }, { value: 2, name: 'Partial' }] },
  { id: 'comments', name: 'Comments', type: 'text' },
];

test('a condition is written as the service reads it, and read back', () => {
  for (const text of ['height_m:gte:15', 'status:in:1,2', 'comments:like:see: note, or not', 'height_m:notnull:', 'comments:eq:<b>&"']) {
    const c = read(text);
    assert.ok(c, text);
    assert.equal(written(c), text);
  }
  assert.equal(read('height_m:NOTNULL:x').operator, 'notnull');
  for (const bad of ['', 'x', 'x:y', 'height_m:over:3', ':eq:1', 'status:in:', 'height_m:gte:']) assert.equal(read(bad), undefined, bad);
});

test('a filter is a sentence', () => {
  const where = ['height_m:lte:30', 'status:in:1,2', 'height_m:gte:20', 'comments:like:<i>'].map(read);
  const said = phrases(where, attributes, words).map((p) => `${p.name} ${p.demand}`);
  assert.deepEqual(said, ['Height from 20 m to 30 m', 'Status is Barrier or Partial', 'Comments contains “<i>”']);
  assert.equal(phrases(where, attributes, words)[0].conditions.length, 2);
});

test('an attribute that is not known is named by its identifier', () => {
  assert.deepEqual(phrases([read('other:isnull:')], attributes, words).map((p) => `${p.name} ${p.demand}`), ['other is not known']);
  assert.deepEqual(applicable([read('other:isnull:'), read('height_m:gt:1')], attributes).map((c) => c.attribute), ['height_m']);
});

test('a new condition takes the place of those of its kind', () => {
  const where = ['height_m:gte:20', 'height_m:lte:30', 'status:in:1'].map(read);
  const next = replaced(where, 'height_m', ['gte'], read('height_m:gte:25'));
  assert.deepEqual(next.map(written), ['height_m:lte:30', 'status:in:1', 'height_m:gte:25']);
  assert.equal(replaced(where, 'status', ['in']).length, 2);
});
