import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fresh, isNarrowed, question, readPlace, writePlace } from '../../.test/place.js';

const id = '01a20296-486c-7527-8766-18b6f2fd1273';

test('an address holds everything and gives it back', () => {
  const place = {
    ...fresh('fr'), room: 'list', type: 'dams', off: ['a', 'b'], name: 'chute d’eau & "co"', set: 'all', sort: '-height_m', everywhere: true,
    colour: 'passability', charts: ['height_m'], feature: id, area: [-130, 48.5, -120.25, 55], view: { zoom: 6.25, lat: 49.12345, lng: -121.5 },
    where: [{ attribute: 'height_m', operator: 'gte', values: ['15'] }, { attribute: 'status', operator: 'in', values: ['1', '2'] }],
  };
  const text = writePlace(place);
  const [path, query] = text.split('?');
  assert.deepEqual(readPlace(path, query, 'en'), place);
  assert.ok(text.includes('filter=height_m:gte:15'), text);
});

test('an address without anything is the beginning', () => {
  assert.deepEqual(readPlace('', '', 'fr'), fresh('fr'));
  assert.equal(writePlace(fresh('fr')), '?lang=fr');
  assert.ok(!isNarrowed(fresh('en')));
});

test('nonsense in an address is left out', () => {
  const query = 'lang=de&room=x&type=<b>&off=a%20b&filter=y&filter=a:zz:1&area=1,2,3&map=99/0/0&sort=--x&charts=<s>&set=%00&colour=red';
  assert.deepEqual(readPlace('feature/nothing', query, 'en'), fresh('en'));
  for (const area of ['5,5,4,6', 'a,b,c,d', '0,-91,1,0', '']) assert.equal(readPlace('', `area=${area}`, 'en').area, undefined, area);
});

test('the service is asked for what the place narrows', () => {
  const place = { ...fresh('en'), off: ['b'], name: 'mill', area: [-1, -2, 3, 4], where: [{ attribute: 'x', operator: 'eq', values: ['1'] }] };
  assert.equal(question(place, ['a', 'b']).toString(), new URLSearchParams([['types', 'a'], ['filter', 'x:eq:1'], ['namefilter', 'like:mill'], ['bbox', '-1,-2,3,4']]).toString());
  assert.equal(question(fresh('en'), ['a', 'b']).toString(), '');
});
