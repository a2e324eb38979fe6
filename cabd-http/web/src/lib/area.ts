import type { Position } from 'geojson';
import type { Box } from './types.ts';

/** An area that was drawn: four numbers are a box (west, south, east, north), more are the corners of a polygon, longitude first. */
export type Area = readonly number[];

/** Most corners of a polygon. */
export const MOST_CORNERS = 200;

const round = (n: number, digits: number) => Number(n.toFixed(digits));

/** Reads an area of an address. */
export function readArea(text: string | null): Area | undefined {
  const n = (text ?? '').split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const places = n.every((v, i) => Math.abs(v) <= (i % 2 ? 90 : 180));
  if (!places || n.length % 2 || n.length < 4 || n.length > 2 * MOST_CORNERS) return undefined;
  const [w = 0, s = 0, e = 0, t = 0] = n;
  if (n.length === 4) return w < e && s < t ? n : undefined;
  return crosses(corners(n)) ? undefined : n;
}

/** An area as an address has it. */
export function writeArea(area: Area): string {
  return area.map((n) => round(n, area.length === 4 ? 4 : 5)).join(',');
}

/** The corners of a polygon or box, each once. */
export function corners(area: Area): Position[] {
  if (area.length === 4) {
    const [w = 0, s = 0, e = 0, n = 0] = area;
    return [[w, s], [e, s], [e, n], [w, n]];
  }
  return Array.from({ length: area.length / 2 }, (_, i) => [area[2 * i] ?? 0, area[2 * i + 1] ?? 0]);
}

/** The box around an area. */
export function boxOf(area: Area): Box {
  const all = corners(area);
  const [x, y] = [all.map((p) => p[0] ?? 0), all.map((p) => p[1] ?? 0)];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

/** A polygon as text, as the service reads it. */
export function wkt(area: Area): string {
  const ring = corners(area);
  return `POLYGON((${[...ring, ring[0] ?? []].map((p) => p.map((n) => round(n, 5)).join(' ')).join(',')}))`;
}

/** Puts an area, and with it what the map shows, into a question. */
export function narrow(q: URLSearchParams, area: Area | undefined, near?: Box): void {
  if (area && area.length > 4) q.set('area', wkt(area));
  const boxes = [area?.length === 4 ? boxOf(area) : undefined, near].filter((b) => b !== undefined);
  const [a, b] = boxes;
  if (!a) return;
  if (!b) q.set('bbox', writeArea(a));
  else {
    const both = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])] as const;
    // Boxes that do not meet have nothing in common: a corner of the world where nothing lies.
    q.set('bbox', both[0] < both[2] && both[1] < both[3] ? writeArea(both) : '0,-90,0,-90');
  }
}

/** Whether sides of a ring cross or touch that are no neighbours. */
export function crosses(ring: Position[]): boolean {
  const n = ring.length;
  const at = (i: number) => ring[i % n] ?? [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue;
      if (meet(at(i), at(i + 1), at(j), at(j + 1))) return true;
    }
  }
  return false;
}

const side = ([ax = 0, ay = 0]: Position, [bx = 0, by = 0]: Position, [cx = 0, cy = 0]: Position) => Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));

function meet(a: Position, b: Position, c: Position, d: Position): boolean {
  const [s, t, u, v] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (s !== t && u !== v) return true;
  const on = (p: Position, q: Position, r: Position) =>
    [0, 1].every((i) => Math.min(p[i] ?? 0, q[i] ?? 0) <= (r[i] ?? 0) && (r[i] ?? 0) <= Math.max(p[i] ?? 0, q[i] ?? 0));
  return (s === 0 && on(a, b, c)) || (t === 0 && on(a, b, d)) || (u === 0 && on(c, d, a)) || (v === 0 && on(c, d, b));
}
