import type { Feature, FeatureCollection, Position } from 'geojson';
import type { ExpressionSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import type { Lang } from '../lib/types.ts';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import coarse from 'world-atlas/countries-110m.json?url';
import fine from 'world-atlas/countries-50m.json?url';

/** Colours of the base map. */
export interface Ground {
  sea: string;
  land: string;
  shore: string;
  border: string;
  ink: string;
  soft: string;
  halo: string;
  card: string;
  accent: string;
  /** Around symbols. */
  ring: string;
}

/** The colours as the page's style sheet has them. */
export function ground(): Ground {
  const css = getComputedStyle(document.documentElement);
  const read = (name: string) => css.getPropertyValue(name).trim();
  return {
    sea: read('--sea'), land: read('--land'), shore: read('--shore'), border: read('--border'), ink: read('--ink'),
    soft: read('--soft'), halo: read('--land'), card: read('--card'), accent: read('--accent'), ring: read('--ring'),
  };
}

const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] };
export const FONT = ['Figtree, system-ui, sans-serif'];

/** The font of labels: the page's own, drawn here, or one that the glyphs of another service's style have. */
export function fontOf(style: StyleSpecification): string[] {
  if (!style.glyphs) return FONT;
  for (const layer of style.layers) {
    const font: unknown = layer.type === 'symbol' ? layer.layout?.['text-font'] : undefined;
    if (Array.isArray(font) && font.every((name) => typeof name === 'string') && font[0] !== 'literal' && font[0] !== 'step') return font;
  }
  return ['Open Sans Regular', 'Arial Unicode MS Regular'];
}

/** A ring that crosses the antimeridian goes on beyond 180 degrees instead of back around the Earth. */
function unwrapped(ring: Position[]): Position[] {
  let shift = 0;
  let before: number | undefined;
  const out = ring.map(([lng = 0, lat = 0]) => {
    if (before !== undefined && Math.abs(lng - before) > 180) shift += lng > before ? -360 : 360;
    before = lng;
    return [lng + shift, lat];
  });
  // Around a pole: along it, back to the beginning.
  const [first, last] = [out[0], out.at(-1)];
  if (shift !== 0 && first && last) out.push([last[0] ?? 0, -90], [first[0] ?? 0, -90], first);
  return out;
}

function flat(land: FeatureCollection | Feature): FeatureCollection {
  const features = land.type === 'Feature' ? [land] : land.features;
  const polygons = features.flatMap(({ geometry: g }) => (g.type === 'Polygon' ? [g.coordinates] : g.type === 'MultiPolygon' ? g.coordinates : []));
  const around = polygons.flatMap((rings) => {
    const own = rings.map(unwrapped);
    const far = own[0]?.some(([lng = 0]) => Math.abs(lng) > 180);
    const moved = (by: number) => own.map((ring) => ring.map(([lng = 0, lat = 0]) => [lng + by, lat]));
    return far ? [own, moved(360), moved(-360)] : [own];
  });
  return { type: 'FeatureCollection', features: [{ type: 'Feature', properties: {}, geometry: { type: 'MultiPolygon', coordinates: around } }] };
}

/** From this zoom on the rough coast is seen to be rough. */
export const FINE_ZOOM = 3.6;

/** Land and borders. */
export interface World {
  land: FeatureCollection;
  borders: FeatureCollection;
}

/** Land and borders, roughly or finely; none where they cannot be had. */
export async function countries(finely: boolean): Promise<World | undefined> {
  const answer = await fetch(finely ? fine : coarse).catch(() => undefined);
  if (!answer?.ok) return undefined;
  const world = (await answer.json()) as Topology<{ countries: GeometryCollection; land: GeometryCollection }>;
  const land = flat(feature(world, world.objects.land));
  const lines = mesh(world, world.objects.countries, (a, b) => a !== b);
  return { land, borders: { type: 'FeatureCollection', features: [{ type: 'Feature', properties: {}, geometry: lines }] } };
}

/** The base map: land and borders, and over them what a PMTiles file of `cabd basemap build` has. */
export function groundStyle(g: Ground, lang: Lang, basemap: string | undefined): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {
    land: { type: 'geojson', data: EMPTY, tolerance: 0.3 },
    borders: { type: 'geojson', data: EMPTY },
  };
  const layers: LayerSpecification[] = [
    { id: 'sea', type: 'background', paint: { 'background-color': g.sea } },
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': g.land, 'fill-antialias': false } },
    { id: 'shore', type: 'line', source: 'land', paint: { 'line-color': g.shore, 'line-width': 0.8 } },
    { id: 'borders', type: 'line', source: 'borders', paint: { 'line-color': g.border, 'line-width': 1 } },
  ];
  if (basemap) {
    sources['ground'] = { type: 'vector', url: `pmtiles://${basemap}` };
    const of = (layer: string) => ({ source: 'ground', 'source-layer': layer });
    const label: ExpressionSpecification = ['coalesce', ['get', `name_${lang}`], ['get', 'name'], ['get', lang === 'en' ? 'name_fr' : 'name_en'], ''];
    layers.push(
      { id: 'ground-water', type: 'fill', ...of('water'), paint: { 'fill-color': g.sea, 'fill-outline-color': g.shore } },
      {
        id: 'ground-waterway', type: 'line', ...of('waterway'), layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': g.shore, 'line-width': ['interpolate', ['linear'], ['zoom'], 3, 0.5, 8, 1.4, 12, 2.5] },
      },
      { id: 'ground-boundary', type: 'line', ...of('boundary'), paint: { 'line-color': g.border, 'line-width': 0.9, 'line-dasharray': [3, 2] } },
      {
        id: 'ground-water-name', type: 'symbol', ...of('water'), minzoom: 5,
        layout: { 'text-field': label, 'text-font': FONT, 'text-size': 11, 'text-max-width': 7, 'text-letter-spacing': 0.03 },
        paint: { 'text-color': g.soft, 'text-halo-color': g.sea, 'text-halo-width': 1 },
      },
      {
        id: 'ground-waterway-name', type: 'symbol', ...of('waterway'), minzoom: 6,
        layout: { 'text-field': label, 'text-font': FONT, 'text-size': 11, 'symbol-placement': 'line', 'text-letter-spacing': 0.03 },
        paint: { 'text-color': g.soft, 'text-halo-color': g.land, 'text-halo-width': 1.2 },
      },
      {
        id: 'ground-place', type: 'symbol', ...of('place'),
        layout: {
          'text-field': label, 'text-font': FONT, 'text-size': ['interpolate', ['linear'], ['zoom'], 3, 11, 8, 14], 'text-max-width': 8,
          'symbol-sort-key': ['coalesce', ['get', 'rank'], 9],
        },
        paint: { 'text-color': g.ink, 'text-halo-color': g.halo, 'text-halo-width': 1.4 },
      },
    );
  }
  return { version: 8, sources, layers };
}
