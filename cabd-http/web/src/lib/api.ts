import type { Feature, FeatureCollection, Geometry } from 'geojson';
import type { Act } from './history.ts';
import type { Box, Lang, TypeHead, TypeInfo } from './types.ts';

/** What the service writes into the page. */
export interface Config {
  /** Path of the API below the page's root, without a slash at either end; empty for the root. */
  api: string;
  all: string;
  maxFeatures: number;
  licence: string;
  formats: string[];
  basemap: boolean;
  styleUrl: string;
  admin: boolean;
  /** Whether the service tells what was: histories, and answers as of a date. */
  past: boolean;
  version: string;
}

/** Why a question was not answered. */
export class Trouble extends Error {
  status: number;
  requestId?: string;

  constructor(message: string, status: number, requestId?: string) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }

  /** No answer at all came. */
  get offline(): boolean {
    return this.status === 0;
  }
}

export type Item = Feature<Geometry | null, Record<string, unknown>>;

/** Part of a list, and how many there are in all. */
export interface Page {
  features: Item[];
  total: number;
  bytes: number;
}

/** Counts of one attribute. */
export interface Summary {
  attribute: string;
  /** Codes and words with their number, most first. */
  values?: { value: string | number | boolean; count: number }[];
  /** Of numbers and dates: equal steps, each with its number. */
  bins?: { from: number | string; to: number | string; count: number }[];
  min?: number | string | null;
  max?: number | string | null;
  /** How many have no value. */
  missing: number;
  /** How many further values are not named. */
  more?: number;
}

export interface Source {
  name: string;
  type: string;
  datasource_feature_id: string;
  version_date?: string | null;
  version_number?: string | null;
}

export interface Sources {
  feature_name: string | null;
  data_sources: Source[];
  attribute_data_sources: Record<string, string>;
}

export interface Owner {
  name: string;
  version_date?: string | null;
  licence?: string | null;
  attribution?: string | null;
}

export interface Status {
  store: string;
  commit: number;
  features: Record<string, number>;
  changes: { commit: number; datetime?: string; kind?: string; reason?: string | null; rows: { table: string; inserted: number; updated: number; deleted: number }[] }[];
  sources: { type: string; name: string; features: number }[];
}

/** A state of the inventory that was given a name. */
export interface Release {
  name: string;
  note?: string | null;
  commit: number;
  datetime: string;
}

export interface Finding {
  severity: 'error' | 'warning' | 'note';
  check: string;
  object: string;
  message: string;
  hint?: string | null;
}

/** Asks the service. One for the page. */
export class Api {
  readonly root: string;
  readonly config: Config;

  constructor(config: Config, base: string) {
    this.config = config;
    this.root = new URL(config.api, base).href.replace(/\/$/, '');
  }

  /** The address of a question. */
  url(path: string, query = new URLSearchParams(), lang?: Lang): string {
    const q = new URLSearchParams(query);
    if (lang) q.set('lang', lang);
    const text = q.toString().replace(/%3A/g, ':').replace(/%2C/g, ',');
    return `${this.root}${path}${text ? `?${text}` : ''}`;
  }

  /** The path of a list: of one type, or of all. */
  listPath(type: string): string {
    return type && type !== this.config.all ? `/features/${encodeURIComponent(type)}` : '/features';
  }

  async get(url: string, lang: Lang, signal?: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(url, { signal, headers: { 'accept-language': lang, accept: 'application/json' } });
    } catch (e) {
      if (e instanceof DOMException && e.name === 'AbortError') throw e;
      throw new Trouble('', 0);
    }
    if (response.ok) return response;
    let message = '';
    let id = response.headers.get('x-request-id') ?? undefined;
    try {
      const problem = (await response.json()) as { detail?: unknown; request_id?: unknown };
      if (typeof problem.detail === 'string') message = problem.detail;
      if (typeof problem.request_id === 'string') id = problem.request_id;
    } catch {
      // Not a problem of the service: of a proxy before it.
    }
    throw new Trouble(message, response.status, id);
  }

  private async json<T>(url: string, lang: Lang, signal?: AbortSignal): Promise<T> {
    const response = await this.get(url, lang, signal);
    return (await response.json()) as T;
  }

  types(lang: Lang): Promise<TypeHead[]> {
    return this.json(this.url('/features/types', undefined, lang), lang);
  }

  type(id: string, lang: Lang): Promise<TypeInfo> {
    return this.json(this.url(`/features/types/${encodeURIComponent(id)}`, undefined, lang), lang);
  }

  async count(type: string, query: URLSearchParams, lang: Lang, signal?: AbortSignal): Promise<number> {
    const q = new URLSearchParams(query);
    q.set('max-results', '0');
    return total(await this.get(this.url(this.listPath(type), q, lang), lang, signal));
  }

  async page(type: string, query: URLSearchParams, lang: Lang, signal?: AbortSignal): Promise<Page> {
    const response = await this.get(this.url(this.listPath(type), query, lang), lang, signal);
    const text = await response.text();
    const { features } = JSON.parse(text) as FeatureCollection<Geometry | null, Record<string, unknown>>;
    return { features, total: total(response), bytes: text.length };
  }

  feature(id: string, asOf: string, lang: Lang, signal?: AbortSignal): Promise<Item> {
    const q = new URLSearchParams(asOf ? { 'as-of': asOf } : {});
    return this.json(this.url(`/features/${encodeURIComponent(id)}`, q, lang), lang, signal);
  }

  async history(type: string, id: string, lang: Lang, signal?: AbortSignal): Promise<Act[]> {
    const path = `/features/${encodeURIComponent(type)}/${encodeURIComponent(id)}/history`;
    return (await this.json<{ history: Act[] }>(this.url(path, undefined, lang), lang, signal)).history;
  }

  releases(lang: Lang, signal?: AbortSignal): Promise<Release[]> {
    return this.json(this.url('/releases', undefined, lang), lang, signal);
  }

  sources(id: string, lang: Lang, signal?: AbortSignal): Promise<Sources> {
    const q = new URLSearchParams({ format: 'json', fields: 'all' });
    return this.json(this.url(`/features/datasources/${encodeURIComponent(id)}`, q, lang), lang, signal);
  }

  summary(type: string, query: URLSearchParams, by: string[], lang: Lang, signal?: AbortSignal): Promise<{ total: number; summaries: Summary[] }> {
    const q = new URLSearchParams(query);
    q.set('by', by.join(','));
    return this.json(this.url(`/features/summary/${encodeURIComponent(type)}`, q, lang), lang, signal);
  }

  /** Where the features lie; nothing where that is not known, or there are none. */
  async bounds(lang: Lang, signal?: AbortSignal): Promise<Box | undefined> {
    const described = await this.json<{ bounds?: unknown }>(this.url('/tiles/tilejson.json', undefined, lang), lang, signal);
    const b = described.bounds;
    if (!Array.isArray(b) || b.length !== 4 || !b.every((n) => typeof n === 'number' && Number.isFinite(n))) return undefined;
    const [w, s, e, n] = b as Box;
    return e - w < 359 ? [w, s, e, n] : undefined;
  }

  owners(lang: Lang, signal?: AbortSignal): Promise<Owner[]> {
    return this.json(this.url('/features/datasources', undefined, lang), lang, signal);
  }

  status(lang: Lang, signal?: AbortSignal): Promise<Status> {
    return this.json(this.url('/status', undefined, lang), lang, signal);
  }

  findings(lang: Lang, signal?: AbortSignal): Promise<Finding[]> {
    return this.json(this.url('/status/findings', undefined, lang), lang, signal);
  }
}

function total(response: Response): number {
  const range = response.headers.get('content-range') ?? '';
  return Number(/\/(\d+)$/.exec(range)?.[1] ?? 0);
}
