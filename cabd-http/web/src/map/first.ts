import { VectorTile } from '@mapbox/vector-tile';
import type { Position } from 'geojson';
import { PbfReader } from 'pbf';
import { short } from '../lib/format.ts';
import type { Page } from '../lib/page.svelte.ts';
import type { Box } from '../lib/types.ts';
import { DOT_SIZES, partsOf, tileAddress } from './features.ts';
import type { Ground, World } from './ground.ts';

/** Where a map looks: the middle in units of the world's width, the zoom, and which pixel the middle is. */
interface Camera {
  x: number;
  y: number;
  zoom: number;
  at: [number, number];
}

/** The size of the world at zoom 0, in pixels. */
const WORLD = 512;
const MOST_TILES = 16;

const across = (lng: number) => (lng + 180) / 360;
const down = (lat: number) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (Math.max(-85, Math.min(85, lat)) * Math.PI) / 360)) / (2 * Math.PI);

/** Where the map will look: a view, or a box with a margin; `below` pixels at the bottom are covered. */
export function camera(size: [number, number], below: number, to: Box | { lat: number; lng: number; zoom: number }, margin: number): Camera {
  const at: [number, number] = [size[0] / 2, (size[1] - below) / 2];
  if (!Array.isArray(to)) return { x: across(to.lng), y: down(to.lat), zoom: to.zoom, at };
  const [w, s, e, n] = [across(to[0]), down(to[1]), across(to[2]), down(to[3])];
  const scale = Math.min((size[0] - 2 * margin) / (e - w), (size[1] - below - 2 * margin) / (s - n)) / WORLD;
  return { x: (w + e) / 2, y: (s + n) / 2, zoom: Math.min(14, Math.log2(Math.max(1e-3, scale))), at };
}

/** Draws what the map will show, before the map's own code is there: land, and features where a tile's layer has one type. */
export async function firstPicture(canvas: HTMLCanvasElement, page: Page, c: Camera, world: World | undefined, g: Ground): Promise<boolean> {
  const tiles = await Promise.all(addresses(canvas, page, c).map(one));
  const context = canvas.getContext('2d');
  if (!context || !canvas.isConnected) return false;
  const ratio = devicePixelRatio;
  [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  context.scale(ratio, ratio);
  context.fillStyle = g.sea;
  context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  const size = WORLD * 2 ** c.zoom;
  const place = (x: number, y: number): [number, number] => [c.at[0] + (x - c.x) * size, c.at[1] + (y - c.y) * size];
  const line = (path: Path2D, points: Position[]) =>
    points.forEach(([lng = 0, lat = 0], i) => (i ? path.lineTo(...place(across(lng), down(lat))) : path.moveTo(...place(across(lng), down(lat)))));
  if (world) {
    const [land, borders] = [new Path2D(), new Path2D()];
    for (const { geometry } of world.land.features) if (geometry.type === 'MultiPolygon') for (const ring of geometry.coordinates.flat()) line(land, ring);
    for (const { geometry } of world.borders.features) if (geometry.type === 'MultiLineString') for (const part of geometry.coordinates) line(borders, part);
    context.fillStyle = g.land;
    context.fill(land, 'evenodd');
    context.lineWidth = 0.8;
    context.strokeStyle = g.shore;
    context.stroke(land);
    context.strokeStyle = g.border;
    context.stroke(borders);
  }
  const points = tiles.flatMap((t) => (t ? found(t, page, place) : []));
  for (const p of points.filter((o) => o.count > 1).sort((a, b) => a.part - b.part || a.count - b.count)) dot(context, p, g);
  for (const p of points.filter((o) => o.count === 1).sort((a, b) => a.part - b.part)) mark(context, p, c.zoom, g);
  return true;
}

interface Tile {
  z: number;
  x: number;
  y: number;
  address: string;
}

function addresses(canvas: HTMLCanvasElement, page: Page, c: Camera): Tile[] {
  const z = Math.max(0, Math.min(16, Math.floor(c.zoom)));
  const n = 2 ** z;
  const size = WORLD * 2 ** c.zoom;
  const range = (middle: number, at: number, length: number) => [Math.max(0, Math.floor((middle - at / size) * n)), Math.min(n - 1, Math.floor((middle + (length - at) / size) * n))] as const;
  const [x0, x1] = range(c.x, c.at[0], canvas.clientWidth);
  const [y0, y1] = range(c.y, c.at[1], canvas.clientHeight);
  const out: Tile[] = [];
  for (let x = x0; x <= x1; x++) {
    for (let y = y0; y <= y1; y++) {
      const address = tileAddress(page).replace('{z}', String(z)).replace('{x}', String(x)).replace('{y}', String(y));
      if (out.length < MOST_TILES) out.push({ z, x, y, address });
    }
  }
  return out;
}

async function one(tile: Tile): Promise<(Tile & { read: VectorTile }) | undefined> {
  const answer = await fetch(tile.address).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return { ...tile, read: new VectorTile(new PbfReader(new Uint8Array(await answer.arrayBuffer()))) };
}

interface Found {
  at: [number, number];
  /** Which layer: later ones lie on top. */
  part: number;
  count: number;
  colour: string;
  path: string;
}

function found(tile: Tile & { read: VectorTile }, page: Page, place: (x: number, y: number) => [number, number]): Found[] {
  const n = 2 ** tile.z;
  return partsOf(page).flatMap(({ layer: name, type }, part) => {
    const layer = tile.read.layers[name];
    if (!layer || !type) return [];
    const [colour, path] = [page.colour(type), page.symbol(type).path];
    return Array.from({ length: layer.length }, (_, i) => layer.feature(i)).flatMap((f) => {
      const p = f.type === 1 ? f.loadGeometry()[0]?.[0] : undefined;
      // What lies in the surroundings is in the next tile too.
      if (!p || p.x < 0 || p.y < 0 || p.x >= layer.extent || p.y >= layer.extent) return [];
      return [{ part, at: place((tile.x + p.x / layer.extent) / n, (tile.y + p.y / layer.extent) / n), count: Number(f.properties['feature_count'] ?? 1), colour, path }];
    });
  });
}

function dot(context: CanvasRenderingContext2D, p: Found, g: Ground) {
  const order = Math.log10(p.count);
  const above = DOT_SIZES.findIndex(([at]) => order < at);
  const [a, b] = [DOT_SIZES[above - 1], DOT_SIZES[above]];
  const radius = a && b ? a[1] + ((order - a[0]) / (b[0] - a[0])) * (b[1] - a[1]) : DOT_SIZES.at(above)?.[1] ?? 0;
  context.beginPath();
  context.arc(...p.at, radius, 0, 7);
  context.fillStyle = p.colour;
  context.fill();
  context.lineWidth = 1.2;
  context.strokeStyle = g.card;
  context.stroke();
  if (p.count < 10) return;
  context.font = `${Math.min(11.5, 9.5 + (order - 1) * (2 / 3))}px Figtree, system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = g.ring;
  context.fillText(short(p.count), ...p.at);
}

function mark(context: CanvasRenderingContext2D, p: Found, zoom: number, g: Ground) {
  const scale = zoom <= 3 ? 0.5 : zoom < 8 ? 0.5 + (zoom - 3) * 0.05 : Math.min(1, 0.75 + (zoom - 8) * 0.05);
  const shape = new Path2D();
  shape.addPath(new Path2D(p.path), new DOMMatrix().translate(...p.at).scale(scale).translate(-12, -12));
  context.lineWidth = 3 * scale;
  context.lineJoin = 'round';
  context.strokeStyle = g.ring;
  context.stroke(shape);
  context.fillStyle = p.colour;
  context.fill(shape);
}
