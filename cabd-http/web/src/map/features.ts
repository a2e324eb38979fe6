import type { ExpressionSpecification, LayerSpecification, SourceSpecification } from 'maplibre-gl';
import type { Page } from '../lib/page.svelte.ts';
import { FONT, type Ground } from './ground.ts';

export const SOURCE = 'features';
/** The layers that answer to a click. */
export const TOUCHED = ['feature-symbols', 'feature-bubbles'];

/** Where the map's features come from for what is asked about. */
export function featureSource(page: Page): SourceSpecification {
  const q = new URLSearchParams(page.question);
  q.set('max-results', String(page.config.maxFeatures));
  const data = page.api.url(page.api.listPath(page.subject), q, page.place.lang);
  return { type: 'geojson', data, cluster: true, clusterRadius: 34, clusterMaxZoom: 11, clusterProperties: { feature_count: ['+', 1] } };
}

const COUNT: ExpressionSpecification = ['coalesce', ['get', 'feature_count'], 1];

/** A count in few characters. */
const SHORT: ExpressionSpecification = [
  'case',
  ['<', COUNT, 1000], ['to-string', COUNT],
  ['<', COUNT, 10_000], ['concat', ['to-string', ['/', ['round', ['/', COUNT, 100]], 10]], 'k'],
  ['<', COUNT, 999_500], ['concat', ['to-string', ['round', ['/', COUNT, 1000]]], 'k'],
  ['concat', ['to-string', ['/', ['round', ['/', COUNT, 100_000]], 10]], 'M'],
];

/** How features are drawn: one as its type's symbol, several at one place as a bubble that says how many. */
export function featureLayers(page: Page, g: Ground): LayerSpecification[] {
  const one: ExpressionSpecification = ['<=', COUNT, 1];
  const type: ExpressionSpecification =
    page.members.length > 0 ? ['to-string', ['get', 'feature_type']] : ['literal', page.subject] as unknown as ExpressionSpecification;
  const name: ExpressionSpecification =
    page.place.colour === 'passability'
      ? ['concat', 'symbol|', type, '|', ['to-string', ['coalesce', ['get', 'passability_status_code'], 0]]]
      : ['concat', 'symbol|', type];
  const colour = page.members.length > 0 ? g.bubble : page.symbol(page.subject).colour;
  const label: ExpressionSpecification = ['case', ['==', page.place.lang, 'fr'], names('fr', 'en'), names('en', 'fr')];
  return [
    {
      id: 'feature-bubbles', type: 'circle', source: SOURCE, filter: ['>', COUNT, 1],
      paint: {
        'circle-color': colour,
        'circle-opacity': 0.9,
        'circle-radius': ['interpolate', ['linear'], ['log10', COUNT], 0.3, 9, 2, 15, 4, 24, 6, 32],
        'circle-stroke-color': g.card,
        'circle-stroke-width': 1.5,
      },
    },
    {
      id: 'feature-counts', type: 'symbol', source: SOURCE, filter: ['>', COUNT, 1],
      layout: {
        'text-field': SHORT, 'text-font': FONT, 'text-size': ['interpolate', ['linear'], ['log10', COUNT], 0.3, 11, 4, 13],
        'text-allow-overlap': true, 'text-ignore-placement': true,
      },
      paint: { 'text-color': page.members.length > 0 ? g.bubbleInk : '#ffffff' },
    },
    {
      id: 'feature-symbols', type: 'symbol', source: SOURCE, filter: one,
      layout: {
        'icon-image': name,
        'icon-size': ['interpolate', ['linear'], ['zoom'], 3, 0.55, 8, 0.75, 13, 1],
        'icon-allow-overlap': true,
        'text-field': ['step', ['zoom'], '', 11, label],
        'text-font': FONT,
        'text-size': 12,
        'text-offset': [0, 1.1],
        'text-anchor': 'top',
        'text-optional': true,
        'text-max-width': 9,
      },
      paint: { 'text-color': g.ink, 'text-halo-color': g.halo, 'text-halo-width': 1.5 },
    },
  ];
}

function names(first: string, second: string): ExpressionSpecification {
  const all = [first, second].flatMap((l) => ['name', 'dam_name', 'fall_name', 'structure_name'].map((n) => `${n}_${l}`));
  return ['coalesce', ...all.map((n) => ['get', n]), ['get', 'stream_name'], ''] as unknown as ExpressionSpecification;
}
