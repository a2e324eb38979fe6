import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxOf, corners, crosses, narrow, readArea, writeArea, wkt } from '../../.test/area.js';

test('an area of an address is a box or a polygon, or none', () => {
  assert.deepEqual(readArea('-75.1,45,-74,46'), [-75.1, 45, -74, 46]);
  assert.deepEqual(readArea('0,0,10,0,5,8'), [0, 0, 10, 0, 5, 8]);
  for (const bad of ['', 'a,b,c,d', '1,2,3', '3,2,1,4', '0,0,10,0', '0,0,10,0,5,99', '0,0,200,0,5,8', '0,0,1,1,2', '0,0,10,10,10,0,0,10', ',,,']) assert.equal(readArea(bad), undefined, bad);
  assert.equal(readArea(Array.from({ length: 402 }, (_, i) => i / 10).join()), undefined, 'too many corners');
  assert.equal(writeArea([-75.123456, 45, -74, 46]), '-75.1235,45,-74,46');
  assert.equal(writeArea([-75.123456, 45, -74, 46, -70, 50]), '-75.12346,45,-74,46,-70,50');
});

test('a polygon is asked for as text, a box as a box, each with what the map shows', () => {
  const asked = (area, near) => {
    const q = new URLSearchParams();
    narrow(q, area, near);
    return Object.fromEntries(q);
  };
  assert.equal(wkt([0, 0, 10, 0, 5, 8]), 'POLYGON((0 0,10 0,5 8,0 0))');
  assert.deepEqual(asked([0, 0, 10, 0, 5, 8]), { area: 'POLYGON((0 0,10 0,5 8,0 0))' });
  assert.deepEqual(asked([0, 0, 10, 0, 5, 8], [1, 1, 2, 2]), { area: 'POLYGON((0 0,10 0,5 8,0 0))', bbox: '1,1,2,2' });
  assert.deepEqual(asked([0, 0, 10, 10]), { bbox: '0,0,10,10' });
  assert.deepEqual(asked([0, 0, 10, 10], [5, 5, 20, 20]), { bbox: '5,5,10,10' });
  assert.deepEqual(asked([0, 0, 10, 10], [15, 15, 20, 20]), { bbox: '0,-90,0,-90' });
  assert.deepEqual(asked(undefined), {});
  assert.deepEqual(boxOf([0, 0, 10, 0, 5, 8]), [0, 0, 10, 8]);
});

test('an outline that crosses or touches itself is found', () => {
  assert.equal(crosses(corners([0, 0, 10, 0, 5, 8])), false);
  assert.equal(crosses(corners([0, 0, 10, 0, 10, 10, 0, 10])), false);
  assert.equal(crosses(corners([0, 0, 10, 10, 10, 0, 0, 10])), true);
  assert.equal(crosses(corners([0, 0, 10, 0, 10, 10, 5, 0, 0, 10])), true, 'a corner on another side');
});
