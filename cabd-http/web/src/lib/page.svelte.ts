import { Api, Trouble, type Config } from './api.ts';
import type { Area } from './area.ts';
import { applicable, read, written, type Condition, type Words } from './filter.ts';
import { date, isYear, number, plain, unit } from './format.ts';
import { fresh, question, readPlace, writePlace, type Place } from './place.ts';
import { symbols, type Symbol } from './symbols.ts';
import { closed } from './text.ts';
import type { Attribute, Box, Lang, TypeHead, TypeInfo } from './types.ts';
import { text, type TextKey } from './words.ts';

/** What the map is told to do once. */
export interface Move {
  to?: { lat: number; lng: number; zoom?: number };
  box?: Box;
}

function readConfig(): Config {
  const fallback: Config = {
    api: 'cabd-api', all: 'all_features', maxFeatures: 55_000, licence: '', formats: ['json', 'geojson', 'csv'],
    basemap: false, styleUrl: '', admin: false, past: false, version: '',
  };
  try {
    const written = JSON.parse(document.getElementById('cabd')?.textContent ?? '{}') as Partial<Config> & { cabd?: number };
    return written.cabd === 0 ? fallback : { ...fallback, ...written };
  } catch {
    return fallback;
  }
}

const holds = (a: Box, b: Box) => a[0] <= b[0] && a[1] <= b[1] && a[2] >= b[2] && a[3] >= b[3];

/** What names are called in the shipped types, where a mixed answer does not say. */
export const NAMES = ['name', 'dam_name', 'fall_name', 'structure_name', 'stream_name'];

const THEME = 'cabd-theme';

/** A code is shown as its label, so it is called by the label's name. */
function named(info: TypeInfo): TypeInfo {
  const labels = new Map(info.attributes.flatMap((a) => (a.label_of ? [[a.label_of, a.name] as const] : [])));
  return { ...info, attributes: info.attributes.map((a) => ({ ...a, name: labels.get(a.id) ?? a.name })) };
}

/** What every part of the page shares: the place, the types, and how to go elsewhere. */
export class Page {
  readonly config = readConfig();
  readonly base = document.baseURI;
  readonly api = new Api(this.config, this.base);

  place = $state.raw<Place>(fresh('en'));
  heads = $state.raw<TypeHead[]>([]);
  /** The type that is asked about. */
  info = $state.raw<TypeInfo | undefined>(undefined);
  trouble = $state.raw<unknown>(undefined);
  /** Kept when the types are known, or it is known that they cannot be had. */
  readonly started: Promise<void>;
  start!: () => void;
  /** What the map shows, once it does. */
  seen = $state.raw<Box | undefined>(undefined);
  /** Where the features lie, once that is known. */
  whole = $state.raw<Box | undefined>(undefined);
  move = $state.raw<Move | undefined>(undefined);
  /** The feature that a row of the list or the map points at. */
  pointed = $state<string | undefined>(undefined);
  selected = $state.raw<{ id: string; lat: number; lng: number; type: string } | undefined>(undefined);
  /** What is being drawn, and how far it is. */
  drawing = $state<'box' | 'polygon' | undefined>(undefined);
  sketch = $state.raw<Area | undefined>(undefined);
  dark = $state(false);
  online = $state(navigator.onLine);
  said = $state('');
  /** Whom to name as sources of the features, and of the base map. */
  credits = $state.raw<string[]>([]);
  groundCredit = $state('');

  readonly lang = $derived(this.place.lang);
  /** The super type of all, where the inventory has one. */
  readonly everything = $derived(this.heads.find((h) => h.type === this.config.all));
  readonly subject = $derived(this.place.type || this.config.all);
  readonly bases = $derived(this.heads.filter((h) => h.members.length === 0));
  readonly members = $derived(this.info?.members ?? []);
  readonly symbols = $derived(symbols(this.bases.map((h) => h.type)));
  readonly attributes = $derived(this.info?.attributes ?? []);
  // By their text: a place that only looks elsewhere asks nothing anew.
  readonly #where = $derived((this.info ? applicable(this.place.where, this.info.attributes) : this.place.where).map(written).join('\n'));
  readonly where = $derived(this.#where.split('\n').flatMap((text) => read(text) ?? []));
  readonly #asked = $derived(question({ ...this.place, where: this.where }, this.members).toString());
  readonly question = $derived(new URLSearchParams(this.#asked));
  /** What the map shows, where that is not all there is. */
  readonly part = $derived(this.seen && this.whole && holds(this.seen, this.whole) ? undefined : this.seen);
  readonly words = $derived.by(() => this.makeWords());

  #infos = new Map<string, Promise<TypeInfo>>();

  constructor() {
    this.started = new Promise((done) => (this.start = done));
    const browser: Lang = document.documentElement.lang === 'fr' ? 'fr' : 'en';
    this.place = this.#read(browser);
    const kept = this.#stored();
    const system = matchMedia('(prefers-color-scheme: dark)');
    this.dark = kept ? kept === 'dark' : system.matches;
    system.addEventListener('change', () => {
      if (!this.#stored()) this.dark = system.matches;
    });
    addEventListener('popstate', () => {
      const before = this.place.view;
      this.place = this.#read(this.lang);
      if (this.place.view && JSON.stringify(this.place.view) !== JSON.stringify(before)) {
        this.move = { to: this.place.view };
      }
    });
    addEventListener('online', () => (this.online = true));
    addEventListener('offline', () => (this.online = false));
  }

  #stored(): string | null {
    try {
      return localStorage.getItem(THEME);
    } catch {
      return null;
    }
  }

  /** The day or commit of `asOf` in words. */
  get then(): string {
    const { asOf } = this.place;
    return asOf.includes('-') ? date(this.lang, asOf) : this.t('commit', { n: asOf });
  }

  #read(lang: Lang): Place {
    const path = location.pathname.slice(new URL(this.base).pathname.length);
    const place = readPlace(path, location.search, lang);
    // A service that does not tell what was shows what is.
    return this.config.past ? place : { ...place, asOf: '' };
  }

  t = (key: TextKey, values?: Record<string, string | number>): string => text(this.lang, key, values);

  n = (n: number, digits?: number): string => number(this.lang, n, digits);

  /** `12 features`, in words for none and one. */
  features(n: number): string {
    return n === 0 ? this.t('noFeatures') : n === 1 ? this.t('oneFeature') : this.t('features', { n: this.n(n) });
  }

  /** The address of a place that differs in this. */
  href(change: Partial<Place>): string {
    return new URL(writePlace({ ...this.place, ...change }), this.base).href;
  }

  /** Goes to a place that differs in this; the browser's back button leads here again. */
  go(change: Partial<Place>, how: 'push' | 'replace' = 'push'): void {
    const next = { ...this.place, ...change };
    const href = new URL(writePlace(next), this.base).href;
    this.place = next;
    if (href === location.href) return;
    if (how === 'push') history.pushState(null, '', href);
    else history.replaceState(null, '', href);
  }

  /** A click on a link of the page that asks for nothing special. */
  follow(event: MouseEvent, change: Partial<Place>): void {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.go(change);
  }

  /** Another type, with the conditions that it can answer. */
  ask(type: string): void {
    this.go({ type: type === this.config.all ? '' : type, off: [], sort: '', charts: [] });
  }

  setWhere(where: Condition[]): void {
    this.go({ where });
  }

  toggleTheme(): void {
    this.dark = !this.dark;
    try {
      localStorage.setItem(THEME, this.dark ? 'dark' : 'light');
    } catch {
      // Not remembered, then.
    }
  }

  say(message: string): void {
    this.said = '';
    setTimeout(() => (this.said = message), 20);
  }

  /** A type with its attributes, asked for once in each language. */
  type(id: string, lang: Lang): Promise<TypeInfo> {
    const key = `${lang} ${id}`;
    let found = this.#infos.get(key);
    if (!found) {
      found = this.api.type(id, lang).then(named);
      this.#infos.set(key, found);
      found.catch(() => this.#infos.delete(key));
    }
    return found;
  }

  /** The types in the place's language. */
  async loadTypes(lang: Lang): Promise<void> {
    const heads = await this.api.types(lang);
    try {
      const all = await this.type(this.config.all, lang);
      heads.unshift(all);
    } catch (e) {
      if (!(e instanceof Trouble && e.status === 404)) throw e;
    }
    if (lang === this.lang) this.heads = heads;
    // Without them the page works; they are named where they are known.
    const named = (owners: { attribution?: string | null }[]) => [...new Set(owners.flatMap((o) => o.attribution ?? []))];
    this.api.owners(lang).then((owners) => (this.credits = named(owners)), () => undefined);
  }

  /** What an attribute set is called: those that every type has in words. */
  setName(name: string): string {
    const own: Record<string, TextKey> = { all: 'all', simple: 'setSimple', limited: 'setSimple', mobile: 'setMobile' };
    const key = own[name];
    return key ? this.t(key) : name.replace(/_/g, ' ');
  }

  head(type: string): TypeHead | undefined {
    return this.heads.find((h) => h.type === type);
  }

  symbol(type: string): Symbol {
    return this.symbols.get(type) ?? { path: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z', colour: '#57606a', dark: '#a9b4bd' };
  }

  /** The colour of a type's symbol. */
  colour(type: string): string {
    const symbol = this.symbol(type);
    return this.dark ? symbol.dark : symbol.colour;
  }

  /** A feature's name in the language of the page. */
  name(properties: Record<string, unknown>, info: TypeInfo | undefined = this.info): string {
    const lang = this.lang;
    const first = info?.name_attribute ?? 'name_en';
    const names = [first.replace(/_(en|fr)$/, `_${lang}`), first, first.replace(/_(en|fr)$/, lang === 'en' ? '_fr' : '_en')];
    const more = [...NAMES, 'facility_name', 'river_name', 'waterbody_name'].flatMap((n) => [`${n}_${lang}`, n, `${n}_en`, `${n}_fr`]);
    for (const name of [...names, ...more]) {
      const value = properties[name];
      if (typeof value === 'string' && value.trim()) return value;
    }
    return this.t('unnamed');
  }

  /** A value as it is read. */
  value(value: unknown, a: Attribute): string {
    const lang = this.lang;
    if (value === null || value === undefined || value === '') return '';
    if (typeof value === 'boolean') return this.t(value ? 'yes' : 'no');
    const code = a.values?.find((c) => String(c.value) === String(value));
    if (code) return code.name;
    if (typeof value === 'number') {
      const shown = isYear(a.id) || a.values ? plain(lang, value) : this.n(value, a.unit === 'deg' ? 5 : 3);
      return a.unit ? `${shown}${a.unit === 'deg' ? '' : '\u00a0'}${unit(a.unit)}` : shown;
    }
    if (Array.isArray(value)) return value.map((v) => this.value(v, a)).join(', ');
    if (typeof value === 'object') return JSON.stringify(value);
    return /^date|^timestamp/.test(a.type) ? date(lang, String(value)) : String(value);
  }

  private makeWords(): Words {
    const { lang } = this;
    const t = this.t;
    return {
      is: t('is'), isNot: t('isNot'), or: t('or'), and: t('and'), less: t('less'), atMost: t('atMost'), more: t('more'),
      atLeast: t('atLeast'), contains: t('containsWord'), empty: t('emptyWord'), given: t('givenWord'),
      between: (from, to) => t('between', { from, to }),
      quote: (v) => (lang === 'fr' ? `«\u00a0${closed(v)}\u00a0»` : `“${closed(v)}”`),
      number: (v, a) => (Number.isFinite(Number(v)) ? this.value(Number(v), { ...a, values: undefined }) : this.value(v, a)),
    };
  }
}

/** The page; there is one. */
export const page = new Page();
