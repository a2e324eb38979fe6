const KEY = 'cabd-recent';
const MOST = 6;

/** Something that was searched for and chosen. */
export interface Recent {
  name: string;
  /** Of a feature. */
  id?: string;
  type?: string;
  /** Of a place. */
  lat?: number;
  lng?: number;
}

/** What was chosen lately, latest first. */
export function recent(): Recent[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(read) ? read.filter((r): r is Recent => typeof (r as Recent)?.name === 'string').slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Remembers a choice. */
export function remember(chosen: Recent): void {
  const same = (r: Recent) => r.id === chosen.id && r.name === chosen.name;
  store([chosen, ...recent().filter((r) => !same(r))].slice(0, MOST));
}

/** Forgets them all. */
export function forget(): void {
  store([]);
}

function store(all: Recent[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Not remembered, then.
  }
}
