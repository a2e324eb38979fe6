import type { Attribute, TypeInfo } from './types.ts';

/** What lists and pages never show: the geometry's numbers stand elsewhere, addresses are links. */
const INNER = new Set(['url', 'datasource_url', 'cabd_id']);

/** The names of a type's attribute sets that can be columns; the same set under another name once. */
export function setNames(info: TypeInfo): string[] {
  const seen = new Set<string>();
  return Object.entries(info.views).flatMap(([name, { attribute_order }]) => {
    const key = attribute_order.join();
    if (attribute_order.length === 0 || name === 'vectortile' || seen.has(key)) return [];
    seen.add(key);
    return [name];
  });
}

/** The attributes of a set in order, codes left out where their label is there. */
export function columns(info: TypeInfo, set: string, lang: 'en' | 'fr'): Attribute[] {
  const order = info.views[set]?.attribute_order ?? info.views['simple']?.attribute_order ?? [];
  const all = order.flatMap((id) => info.attributes.find((a) => a.id === id) ?? []).filter((a) => !INNER.has(a.id));
  const labelled = new Set(all.map((a) => a.label_of).filter(Boolean));
  // Of a name in both languages, that of the page where both are there.
  const other = lang === 'en' ? '_fr' : '_en';
  const ids = new Set(all.map((a) => a.id));
  const twin = (id: string) => id.endsWith(other) && ids.has(id.slice(0, -3) + (lang === 'en' ? '_en' : '_fr'));
  return all.filter((a) => !labelled.has(a.id) && !twin(a.id));
}

/** The attributes by group, in the catalogue's order. */
export function groups(attributes: Attribute[], other: string): { name: string; attributes: Attribute[] }[] {
  const out = new Map<string, Attribute[]>();
  for (const a of attributes) {
    const name = a.group || other;
    const group = out.get(name) ?? [];
    group.push(a);
    out.set(name, group);
  }
  return [...out].map(([name, of]) => ({ name, attributes: of }));
}

/** The attributes that a filter is made of: codes rather than their labels, nothing computed for links. */
export function filterable(info: TypeInfo): Attribute[] {
  return info.attributes.filter((a) => !a.label_of && !INNER.has(a.id) && !/^(array|geometry|url|uuid|timestamp)/.test(a.type) && a.name);
}

/** Whether values have an order and no labels. */
export function isRange(a: Attribute): boolean {
  return !a.values && /^(integer|double|numeric|date)/.test(a.type);
}
