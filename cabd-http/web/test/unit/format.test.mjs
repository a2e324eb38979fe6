import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, date, distance, isYear, metres, number, position, short, tidy, unit } from '../../.test/format.js';
import { columns, filterable, groups, isRange, setNames } from '../../.test/sets.js';
import { symbols } from '../../.test/symbols.js';

const plain = (text) => text.replace(/[\u00a0\u202f]/g, ' ');

test('numbers are written as each language writes them', () => {
  assert.equal(number('en', 12345.678), '12,345.678');
  assert.equal(plain(number('fr', 12345.678)), '12 345,678');
  assert.equal(plain(bytes('en', 999)), '999 bytes');
  assert.equal(plain(bytes('fr', 2_340_000)), '2,3 Mo');
  assert.equal(plain(distance('en', 123)), '120 m');
  assert.equal(plain(distance('fr', 1234)), '1,2 km');
  assert.equal(plain(position('fr', 50.64, -68.727)), '50,6400° N, 68,7270° O');
  assert.equal(date('fr', '2021-02-17'), '17 février 2021');
  assert.equal(date('en', 'soon'), 'soon');
  assert.equal(unit('m3/s'), 'm³/s');
});

test('counts are short on the map', () => {
  assert.deepEqual([7, 999, 1234, 15_400, 999_499, 1_000_000].map(short), ['7', '999', '1.2k', '15k', '999k', '1M']);
  assert.equal(tidy(0.1 + 0.2), 0.3);
  assert.ok(isYear('construction_year') && !isYear('yearly_flow'));
});

test('distances are those on the ground', () => {
  assert.ok(Math.abs(metres({ lat: 45, lng: -75 }, { lat: 46, lng: -75 }) - 111_195) < 10);
});

const info = {
  type: 'dams', name: 'Dams', members: [], data_version: null, name_attribute: 'dam_name_en',
  attributes: [
    { id: 'cabd_id', name: 'Id', type: 'uuid' },
    { id: 'dam_name_en', name: 'Name', type: 'varchar(512)', group: 'Identity' },
    { id: 'dam_name_fr', name: 'Name (French)', type: 'varchar(512)', group: 'Identity' },
    { id: 'status_code', name: 'Status', type: 'integer', values: [] },
    { id: 'status', name: 'Status', type: 'varchar(9)', label_of: 'status_code' },
    { id: 'height_m', name: 'Height', type: 'double' },
  ],
  views: { all: { attribute_order: ['cabd_id', 'dam_name_en', 'dam_name_fr', 'status_code', 'status', 'height_m'] }, simple: { attribute_order: ['dam_name_en'] }, limited: { attribute_order: ['dam_name_en'] }, vectortile: { attribute_order: ['cabd_id'] } },
};

test('columns leave out codes that have a label, and names of the other language', () => {
  assert.deepEqual(columns(info, 'all', 'en').map((a) => a.id), ['dam_name_en', 'status', 'height_m']);
  assert.deepEqual(columns(info, 'all', 'fr').map((a) => a.id), ['dam_name_fr', 'status', 'height_m']);
  assert.deepEqual(columns(info, 'none', 'en').map((a) => a.id), ['dam_name_en']);
  assert.deepEqual(columns(info, 'simple', 'fr').map((a) => a.id), ['dam_name_fr']);
  assert.deepEqual(setNames(info), ['all', 'simple']);
});

test('a filter is made of codes rather than labels', () => {
  assert.deepEqual(filterable(info).map((a) => a.id), ['dam_name_en', 'dam_name_fr', 'status_code', 'height_m']);
  assert.ok(isRange(info.attributes[5]) && !isRange(info.attributes[3]));
  assert.deepEqual(groups(info.attributes.slice(1, 4), 'Other').map((g) => [g.name, g.attributes.length]), [['Identity', 2], ['Other', 1]]);
});

test('each type has a symbol of its own shape', () => {
  const all = symbols(['dams', 'waterfalls', 'fishways', 'stream_crossings', 'modelled_crossings', 'other', 'more']);
  assert.equal(new Set([...all.values()].map((s) => s.path)).size, 7);
});
