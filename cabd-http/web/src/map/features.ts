import type { ExpressionSpecification, LayerSpecification, SourceSpecification } from 'maplibre-gl';
import { NAMES, type Page } from '../lib/page.svelte.ts';
import type { Ground } from './ground.ts';

export const SOURCE = 'features';
/** The deepest zoom at which tiles show more than the one before. */
const DEEPEST = 16;

/** A layer of the tiles, and the type of its features. */
interface Part {
  layer: string;
  /** The type of every feature; told by each one where it is left out. */
  type?: string;
}

/** Whether a tile holds a layer for each type: where nothing narrows what is asked about. */
function isWhole(page: Page): boolean {
  const { where, name, area } = page.place;
  return page.members.length > 0 && where.length === 0 && !name && !area;
}

/** The layers that show what is asked about. */
export function partsOf(page: Page): Part[] {
  if (isWhole(page)) return page.members.filter((m) => !page.place.off.includes(m)).map((type) => ({ layer: type, type }));
  return [{ layer: page.subject, ...(page.members.length === 0 ? { type: page.subject } : {}) }];
}

function then(page: Page): URLSearchParams {
  return new URLSearchParams(page.place.asOf ? { 'as-of': page.place.asOf } : {});
}

/** What the tiles hang on: while it stays, the source stays. */
export function sourceKey(page: Page): string {
  return isWhole(page) ? `all ${page.lang} ${page.place.asOf}` : `${page.subject} ${page.question} ${page.lang}`;
}

/** The address of the tiles for what is asked about, with `{z}`, `{x}` and `{y}`. */
export function tileAddress(page: Page): string {
  const whole = isWhole(page);
  const path = whole ? '/tiles' : `/tiles/${encodeURIComponent(page.subject)}`;
  const url = page.api.url(`${path}/{z}/{x}/{y}.mvt`, whole ? then(page) : page.question, page.lang);
  return url.replace(/%7B/gi, '{').replace(/%7D/gi, '}');
}

/** Where the map's features come from for what is asked about. */
export function featureSource(page: Page): SourceSpecification {
  return { type: 'vector', tiles: [tileAddress(page)], maxzoom: DEEPEST, promoteId: 'cabd_id' };
}

/** How large a dot is, in pixels, by the logarithm of how many it stands for: neighbours stand 16 to 32 pixels apart. */
export const DOT_SIZES = [[0.3, 3.5], [1, 5.5], [2, 9], [3, 12], [5, 15]] as const;
/** Most letters of a label. */
const LABEL = 48;

const COUNT: ExpressionSpecification = ['coalesce', ['get', 'feature_count'], 1];

/** A count in few characters. */
const SHORT: ExpressionSpecification = [
  'case',
  ['<', COUNT, 1000], ['to-string', COUNT],
  ['<', COUNT, 10_000], ['concat', ['to-string', ['/', ['round', ['/', COUNT, 100]], 10]], 'k'],
  ['<', COUNT, 999_500], ['concat', ['to-string', ['round', ['/', COUNT, 1000]]], 'k'],
  ['concat', ['to-string', ['/', ['round', ['/', COUNT, 100_000]], 10]], 'M'],
];

const PREFIX = 'feature-';

/** Whether a layer of the map shows features. */
export function isFeatureLayer(id: string): boolean {
  return id.startsWith(PREFIX);
}

/** How features are drawn: one as its type's symbol; one that stands for several as a dot whose size and number say how many. */
export function featureLayers(page: Page, g: Ground, font: string[]): LayerSpecification[] {
  const all = partsOf(page).map((part) => drawn(page, g, part, font));
  // Every dot below every symbol, and numbers on top.
  return [...all.map((l) => l.dots), ...all.map((l) => l.symbols), ...all.map((l) => l.counts)];
}

function drawn(page: Page, g: Ground, part: Part, font: string[]) {
  const several: ExpressionSpecification = ['>', COUNT, 1];
  const type: ExpressionSpecification | string = part.type ?? ['to-string', ['get', 'feature_type']];
  const code: ExpressionSpecification = ['to-string', ['coalesce', ['get', 'passability_status_code'], 0]];
  const image: ExpressionSpecification =
    page.place.colour === 'passability' ? ['concat', 'symbol|', type, '|', code] : ['concat', 'symbol|', type];
  // A dot stands for features of any passability.
  const colour: ExpressionSpecification | string = page.place.colour === 'passability'
    ? g.soft
    : part.type
    ? page.colour(part.type)
    : (['match', ['to-string', ['get', 'feature_type']], ...page.members.flatMap((m) => [m, page.colour(m)]), g.soft] as unknown as ExpressionSpecification);
  const of = { source: SOURCE, 'source-layer': part.layer };
  const names = page.lang === 'fr' ? ['fr', 'en'] : ['en', 'fr'];
  const own = page.info?.name_attribute?.replace(/_(en|fr)$/, '');
  const called = [...new Set([...(own ? [own] : []), ...NAMES])];
  const fields = [...names.flatMap((l) => called.map((n) => ['get', `${n}_${l}`])), ...called.map((n) => ['get', n])];
  const name = ['to-string', ['coalesce', ...fields, '']] as unknown as ExpressionSpecification;
  const label: ExpressionSpecification = ['case', ['>', ['length', name], LABEL], ['concat', ['slice', name, 0, LABEL], '…'], name];
  const dots: LayerSpecification = {
    id: `${PREFIX}dots-${part.layer}`, type: 'circle', ...of, filter: several,
    layout: { 'circle-sort-key': COUNT },
    paint: {
      'circle-color': colour,
      'circle-opacity': 0.92,
      'circle-radius': ['interpolate', ['linear'], ['log10', COUNT], ...DOT_SIZES.flat()] as unknown as ExpressionSpecification,
      'circle-stroke-color': g.card,
      'circle-stroke-width': 1.2,
    },
  };
  const symbols: LayerSpecification = {
    id: `${PREFIX}symbols-${part.layer}`, type: 'symbol', ...of, filter: ['!', several],
    layout: {
      'icon-image': image,
      'icon-size': ['interpolate', ['linear'], ['zoom'], 3, 0.5, 8, 0.75, 13, 1],
      'icon-allow-overlap': true,
      'text-field': ['step', ['zoom'], '', 10, label],
      'text-font': font,
      'text-size': 12,
      'text-offset': [0, 1.35],
      'text-anchor': 'top',
      'text-optional': true,
      'text-max-width': 9,
    },
    paint: { 'text-color': g.ink, 'text-halo-color': g.halo, 'text-halo-width': 1.5 },
  };
  const counts: LayerSpecification = {
    id: `${PREFIX}counts-${part.layer}`, type: 'symbol', ...of, filter: ['>=', COUNT, 10],
    layout: {
      'text-field': SHORT, 'text-font': font, 'text-size': ['interpolate', ['linear'], ['log10', COUNT], 1, 9.5, 4, 11.5], 'text-padding': 0,
      'symbol-sort-key': ['-', 0, COUNT],
    },
    paint: { 'text-color': g.ring, 'text-halo-color': colour, 'text-halo-width': 1.2 },
  };
  return { dots, symbols, counts };
}
