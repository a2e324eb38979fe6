import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlace } from '../../.test/coords.js';

const near = (text, lat, lng) => {
  const p = parsePlace(text);
  assert.ok(p, text);
  assert.ok(Math.abs(p.lat - lat) < 1e-6 && Math.abs(p.lng - lng) < 1e-6, `${text}: ${p.lat} ${p.lng}`);
};

test('coordinates are read as people write them', () => {
  near('50.64, -68.727', 50.64, -68.727);
  near('50.64 -68.727', 50.64, -68.727);
  near('50,64; -68,727', 50.64, -68.727);
  near('50.64N 68.727W', 50.64, -68.727);
  near('N 50.64, W 68.727', 50.64, -68.727);
  near('50.64° N, 68.727° O', 50.64, -68.727);
  near('50°38\'24"N 68°43\'37.2"W', 50.64, -68.727);
  near('68°43′37.2″W 50°38′24″N', 50.64, -68.727);
  near('-123.1 49.3', 49.3, -123.1);
  near('-0.5, -0.25', -0.5, -0.25);
});

test('what is no place is none', () => {
  for (const text of ['', '12', 'Mill Dam', '2 Mile Creek', '91, 181', '50.64N 68.7N', '1 2 3', '50°75\'N 10°E', 'Dam 4, 5']) assert.equal(parsePlace(text), undefined, text);
});
