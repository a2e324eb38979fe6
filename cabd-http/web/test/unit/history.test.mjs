import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, told } from '../../.test/history.js';

const value = (attribute, from, to, more = {}) => ({ attribute, name: attribute, from, to, ...more });

test('a history is told newest first, with what was given alone', () => {
  const acts = [
    { commit: 3, datetime: '2024-01-01T00:00:00Z', kind: 'import', rows: [
      { relation: 'dams', action: 'INSERT', values: [value('height_m', null, 4), value('owner', null, null), value('status', null, 1, { to_label: 'Active' })] },
      { relation: 'dams_feature_source', action: 'INSERT', values: [value('datasource_feature_id', null, '7')] },
    ] },
    { commit: 9, datetime: '2024-02-01T00:00:00Z', kind: 'edit', rows: [
      { relation: 'dams', action: 'UPDATE', values: [value('height_m', 4, 5)] },
      { relation: 'dams_attribute_source', action: 'UPDATE', values: [value('height_m', null, 'x', { to_label: 'Survey' })] },
    ] },
    { commit: 11, datetime: '2024-03-01T00:00:00Z', kind: 'edit', rows: [{ relation: 'dams', action: 'DELETE', values: [value('height_m', 5, null)] }] },
  ];
  const all = events(acts, 'dams');
  assert.deepEqual(all.map((e) => [e.act.commit, e.what, e.values.length, e.sources.length, e.others.length]), [[11, 'deleted', 1, 0, 0], [9, 'updated', 1, 1, 0], [3, 'inserted', 2, 0, 1]]);
});

test('a value of the past is its label, or itself, or none', () => {
  assert.equal(told(1, 'Active'), 'Active');
  assert.equal(told(0, null), '0');
  assert.equal(told(false, undefined), 'false');
  assert.equal(told('', 'x'), undefined);
  assert.equal(told({ a: 1 }, undefined), '{"a":1}');
});
