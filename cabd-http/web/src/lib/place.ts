import { narrow, readArea, writeArea, type Area } from './area.ts';
import { read, written, type Condition } from './filter.ts';
import { isId } from './text.ts';
import type { Lang } from './types.ts';

/** The rooms of the page. */
export const ROOMS = ['types', 'filter', 'list', 'charts', 'download', 'about'] as const;
export type Room = (typeof ROOMS)[number];

/** Where the map looks. */
export interface View {
  zoom: number;
  lat: number;
  lng: number;
}

/** What symbols' colours say. */
export type Colour = 'type' | 'passability';

/** Everything that an address holds. */
export interface Place {
  lang: Lang;
  room: Room;
  /** The type or super type that is asked about; empty for all. */
  type: string;
  /** Member types that are switched off. */
  off: string[];
  where: Condition[];
  /** A part of a name. */
  name: string;
  area?: Area;
  view?: View;
  set: string;
  /** Attribute, with `-` before it for largest first; empty for the service's order. */
  sort: string;
  /** Whether the list is of the whole inventory instead of what the map shows. */
  everywhere: boolean;
  colour: Colour;
  /** Attributes with a chart; empty for the usual ones. */
  charts: string[];
  /** The day, or the commit, whose state is shown; empty for now. */
  asOf: string;
  /** The feature whose page is open. */
  feature?: string;
}

/** A place without choices. */
export function fresh(lang: Lang): Place {
  return {
    lang, room: 'types', type: '', off: [], where: [], name: '', set: 'simple', sort: '', everywhere: false, colour: 'type', charts: [], asOf: '',
  };
}

const number = (text: string | undefined) => (text !== undefined && text.trim() !== '' ? Number(text) : Number.NaN);
const WORD = /^[a-z0-9_]{1,64}$/i;

function readView(text: string | null): View | undefined {
  const [zoom, lat, lng] = (text ?? '').split('/').map(number);
  if (zoom === undefined || lat === undefined || lng === undefined) return undefined;
  const good = zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 90 && Math.abs(lng) <= 180;
  return good ? { zoom, lat, lng } : undefined;
}

/** Reads the address below the page's root; what it does not understand is left out. */
export function readPlace(path: string, query: string, lang: Lang): Place {
  const q = new URLSearchParams(query);
  const place = fresh(lang);
  const named = q.get('lang');
  if (named === 'en' || named === 'fr') place.lang = named;
  const room = q.get('room') as Room | null;
  if (room && ROOMS.includes(room)) place.room = room;
  const word = (name: string) => (WORD.test(q.get(name) ?? '') ? (q.get(name) ?? '') : '');
  place.type = word('type');
  place.off = (q.get('off') ?? '').split(',').filter((t) => WORD.test(t));
  place.where = q.getAll('filter').flatMap((text) => read(text) ?? []);
  place.name = q.get('name') ?? '';
  const area = readArea(q.get('area'));
  if (area) place.area = area;
  const view = readView(q.get('map'));
  if (view) place.view = view;
  place.set = word('set') || 'simple';
  place.sort = /^-?[a-z0-9_]{1,64}$/i.test(q.get('sort') ?? '') ? (q.get('sort') ?? '') : '';
  place.everywhere = q.get('list') === 'all';
  place.colour = q.get('colour') === 'passability' ? 'passability' : 'type';
  place.charts = (q.get('charts') ?? '').split(',').filter((t) => WORD.test(t)).slice(0, 12);
  place.asOf = /^(\d{4}-\d\d-\d\d|\d{1,15})$/.test(q.get('as-of') ?? '') ? (q.get('as-of') ?? '') : '';
  const feature = /^\/?feature\/([^/]+)\/?$/.exec(path)?.[1];
  if (feature && isId(feature)) place.feature = feature;
  return place;
}

/** The address of a place below the page's root. */
export function writePlace(place: Place): string {
  const q: [string, string][] = [['lang', place.lang]];
  if (place.room !== 'types') q.push(['room', place.room]);
  if (place.type) q.push(['type', place.type]);
  if (place.off.length) q.push(['off', place.off.join(',')]);
  for (const c of place.where) q.push(['filter', written(c)]);
  if (place.name) q.push(['name', place.name]);
  if (place.area) q.push(['area', writeArea(place.area)]);
  if (place.set !== 'simple') q.push(['set', place.set]);
  if (place.sort) q.push(['sort', place.sort]);
  if (place.everywhere) q.push(['list', 'all']);
  if (place.colour !== 'type') q.push(['colour', place.colour]);
  if (place.charts.length) q.push(['charts', place.charts.join(',')]);
  if (place.asOf) q.push(['as-of', place.asOf]);
  if (place.view) q.push(['map', [round(place.view.zoom, 2), round(place.view.lat, 5), round(place.view.lng, 5)].join('/')]);
  const text = q.map(([name, value]) => `${name}=${plain(value)}`).join('&');
  return `${place.feature ? `feature/${place.feature}` : ''}?${text}`;
}

function plain(value: string): string {
  return encodeURIComponent(value).replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/').replace(/%20/g, '+');
}

function round(n: number, digits: number): number {
  return Number(n.toFixed(digits));
}

/** The parameters of the service for what a place asks about. */
export function question(place: Place, members: string[]): URLSearchParams {
  const q = new URLSearchParams();
  const on = members.filter((m) => !place.off.includes(m));
  if (members.length && on.length < members.length) q.set('types', on.join(','));
  for (const c of place.where) q.append('filter', written(c));
  if (place.name) q.append('namefilter', `like:${place.name}`);
  narrow(q, place.area);
  if (place.asOf) q.set('as-of', place.asOf);
  return q;
}

/** Whether anything narrows what is asked about. */
export function isNarrowed(place: Place): boolean {
  return place.where.length > 0 || place.name !== '' || place.area !== undefined;
}
