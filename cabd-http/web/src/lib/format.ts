import type { Lang } from './types.ts';

const LOCALE: Record<Lang, string> = { en: 'en-CA', fr: 'fr-CA' };
const kept = new Map<string, Intl.NumberFormat>();

function formatter(lang: Lang, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = lang + JSON.stringify(options);
  let found = kept.get(key);
  if (!found) kept.set(key, (found = new Intl.NumberFormat(LOCALE[lang], options)));
  return found;
}

/** A number as people of the language write it. */
export function number(lang: Lang, n: number, digits = 3): string {
  return formatter(lang, { maximumFractionDigits: digits }).format(n);
}

/** A year or a code: no grouping. */
export function plain(lang: Lang, n: number): string {
  return formatter(lang, { maximumFractionDigits: 3, useGrouping: false }).format(n);
}

/** A count in few characters: `1.2k`, `3M`. */
export function short(n: number): string {
  if (n < 1000) return String(n);
  const [value, letter] = n < 999_500 ? [n / 1000, 'k'] : [n / 1e6, 'M'];
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)}${letter}`;
}

/** A size of a file. */
export function bytes(lang: Lang, n: number): string {
  const names = lang === 'fr' ? ['o', 'ko', 'Mo', 'Go'] : ['bytes', 'kB', 'MB', 'GB'];
  let i = 0;
  while (n >= 1000 && i < names.length - 1) {
    n /= 1000;
    i += 1;
  }
  return `${number(lang, n, n < 10 && i > 0 ? 1 : 0)}\u00a0${names[i]}`;
}

/** A distance on the ground. */
export function distance(lang: Lang, metres: number): string {
  if (metres < 950) return `${number(lang, Math.round(metres / 10) * 10, 0)}\u00a0m`;
  const km = metres / 1000;
  return `${number(lang, km, km < 10 ? 1 : 0)}\u00a0km`;
}

/** A day; the text itself where it is none. */
export function date(lang: Lang, text: string): string {
  const found = /^(\d{4})-(\d{2})-(\d{2})/.exec(text);
  if (!found) return text;
  const day = new Date(Date.UTC(Number(found[1]), Number(found[2]) - 1, Number(found[3])));
  return new Intl.DateTimeFormat(LOCALE[lang], { dateStyle: 'long', timeZone: 'UTC' }).format(day);
}

/** A day and the time of day, here. */
export function moment(lang: Lang, text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return new Intl.DateTimeFormat(LOCALE[lang], { dateStyle: 'long', timeStyle: 'short' }).format(at);
}

/** Today as days are written in addresses, in the time of the service. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** A position: `50.6400° N, 68.7270° W`. */
export function position(lang: Lang, lat: number, lng: number): string {
  const part = (n: number, plus: string, minus: string) =>
    `${formatter(lang, { minimumFractionDigits: 4, maximumFractionDigits: 4 }).format(Math.abs(n))}°\u00a0${n < 0 ? minus : plus}`;
  const [east, west] = lang === 'fr' ? ['E', 'O'] : ['E', 'W'];
  return `${part(lat, 'N', 'S')}, ${part(lng, east, west)}`;
}

const UNITS: Record<string, string> = { deg: '°', percent: '%', pc: '%', pct: '%', m2: 'm²', km2: 'km²', m3: 'm³', 'm3/s': 'm³/s' };

/** A unit as it is written after a number. */
export function unit(name: string | null | undefined): string {
  return name ? (UNITS[name] ?? name) : '';
}

/** Metres between two places, on a sphere. */
export function metres(a: { lat: number; lng: number }, b: { lat: number; lng: number }): number {
  const rad = Math.PI / 180;
  const [dLat, dLng] = [(b.lat - a.lat) * rad, (b.lng - a.lng) * rad];
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(dLng / 2) ** 2;
  return 2 * 6_371_008.8 * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** A number without the noise of a slider. */
export function tidy(n: number): number {
  return Number(n.toPrecision(6));
}

/** Whether a number attribute holds years, which are written without grouping. */
export function isYear(id: string): boolean {
  return /(^|_)year(_|$)/.test(id);
}
