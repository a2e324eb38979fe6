import type { Attribute } from './types.ts';

/** The operators of the service's filters. */
export const OPERATORS = ['in', 'notin', 'eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'like', 'isnull', 'notnull'] as const;
export type Operator = (typeof OPERATORS)[number];

/** One condition; every condition of a filter must pass. */
export interface Condition {
  attribute: string;
  operator: Operator;
  /** One value, or those of `in` and `notin`. */
  values: string[];
}

/** The text of a condition in an address: `height_m:gte:15`. */
export function written(c: Condition): string {
  return `${c.attribute}:${c.operator}:${c.values.join(',')}`;
}

/** Reads a condition; `undefined` where it is none. */
export function read(text: string): Condition | undefined {
  const found = /^([^:]+):([^:]+):([\s\S]*)$/.exec(text);
  const attribute = found?.[1]?.trim();
  const operator = found?.[2]?.trim().toLowerCase();
  if (!attribute || !OPERATORS.includes(operator as Operator)) return undefined;
  const rest = found?.[3] ?? '';
  const op = operator as Operator;
  if (op === 'isnull' || op === 'notnull') return { attribute, operator: op, values: [] };
  const values = op === 'in' || op === 'notin' ? rest.split(',').filter((v) => v !== '') : [rest];
  if (values.length === 0 || values[0] === '') return undefined;
  return { attribute, operator: op, values };
}

/** The conditions without those of an attribute and operator, then with a new one if it has values. */
export function replaced(all: Condition[], attribute: string, operators: Operator[], next?: Condition): Condition[] {
  const kept = all.filter((c) => !(c.attribute === attribute && operators.includes(c.operator)));
  return next ? [...kept, next] : kept;
}

/** Conditions on the attributes that a type has. */
export function applicable(all: Condition[], attributes: Attribute[]): Condition[] {
  const known = new Set(attributes.map((a) => a.id));
  return all.filter((c) => known.has(c.attribute));
}

/** Words for sentences, in one language. */
export interface Words {
  is: string;
  isNot: string;
  or: string;
  and: string;
  less: string;
  atMost: string;
  more: string;
  atLeast: string;
  between: (from: string, to: string) => string;
  contains: string;
  empty: string;
  given: string;
  quote: (text: string) => string;
  number: (value: string, attribute: Attribute) => string;
}

function values(c: Condition, a: Attribute, w: Words): string {
  const names = c.values.map((v) => a.values?.find((code) => String(code.value) === v)?.name ?? shown(v, a, w));
  const last = names.at(-1) ?? '';
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} ${w.or} ${last}` : last;
}

function shown(value: string, a: Attribute, w: Words): string {
  return /^(integer|double|numeric|date)/.test(a.type) ? w.number(value, a) : w.quote(value);
}

/** What a condition demands, as the end of a sentence that begins with the attribute's name. */
export function clause(c: Condition, a: Attribute, w: Words): string {
  const v = values(c, a, w);
  switch (c.operator) {
    case 'in':
    case 'eq':
      return `${w.is} ${v}`;
    case 'notin':
    case 'neq':
      return `${w.isNot} ${v}`;
    case 'lt':
      return `${w.less} ${v}`;
    case 'lte':
      return `${w.atMost} ${v}`;
    case 'gt':
      return `${w.more} ${v}`;
    case 'gte':
      return `${w.atLeast} ${v}`;
    case 'like':
      return `${w.contains} ${v}`;
    case 'isnull':
      return w.empty;
    case 'notnull':
      return w.given;
  }
}

/** A part of a filter in words: the attribute's name, what is demanded, and the conditions it stands for. */
export interface Phrase {
  name: string;
  demand: string;
  conditions: Condition[];
}

/** The filter in words, a phrase each; two bounds of one attribute are one phrase. */
export function phrases(all: Condition[], attributes: Attribute[], w: Words): Phrase[] {
  const out: Phrase[] = [];
  const done = new Set<Condition>();
  for (const c of all) {
    if (done.has(c)) continue;
    done.add(c);
    const a = attributes.find((one) => one.id === c.attribute) ?? { id: c.attribute, name: c.attribute, type: 'text' };
    const other = all.find(
      (o) => !done.has(o) && o.attribute === c.attribute && [c.operator, o.operator].sort().join() === 'gte,lte',
    );
    if (other) {
      done.add(other);
      const [low, high] = c.operator === 'gte' ? [c, other] : [other, c];
      const demand = w.between(shown(low.values[0] ?? '', a, w), shown(high.values[0] ?? '', a, w));
      out.push({ name: a.name, demand, conditions: [low, high] });
    } else {
      out.push({ name: a.name, demand: clause(c, a, w), conditions: [c] });
    }
  }
  return out;
}
