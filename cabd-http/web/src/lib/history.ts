/** What one commit did to a feature and what belongs to it, as the service tells it. */
export interface Act {
  commit: number;
  datetime: string;
  author?: string | null;
  reason?: string | null;
  kind: string;
  reviewer?: string | null;
  data_source?: string | null;
  data_source_name?: string | null;
  rows: RowAct[];
}

export interface RowAct {
  relation: string;
  action: string;
  key?: unknown[];
  values: ValueAct[];
}

export interface ValueAct {
  attribute: string;
  name: string;
  from: unknown;
  to: unknown;
  from_label?: string | null;
  to_label?: string | null;
}

/** What happened to a feature, in the order of a telling. */
export interface Event {
  act: Act;
  what: 'inserted' | 'updated' | 'deleted';
  /** Values of the feature itself. */
  values: ValueAct[];
  /** Where values come from. */
  sources: ValueAct[];
  /** Rows of parts and links, which have no name of their own. */
  others: RowAct[];
}

const given = (v: unknown) => v !== null && v !== undefined && v !== '';

/** The history, newest first, each event with what a reader asks for; values that stayed empty are left out. */
export function events(acts: Act[], type: string): Event[] {
  return acts
    .map((act) => {
      const own = act.rows.filter((r) => r.relation === type);
      const source = act.rows.filter((r) => r.relation === `${type}_attribute_source`);
      const action = own[0]?.action;
      const what: Event['what'] = action === 'INSERT' ? 'inserted' : action === 'DELETE' ? 'deleted' : 'updated';
      const changed = (rows: RowAct[]) => rows.flatMap((r) => r.values).filter((v) => given(v.from) || given(v.to));
      return { act, what, values: changed(own), sources: changed(source), others: act.rows.filter((r) => !own.includes(r) && !source.includes(r)) };
    })
    .reverse();
}

/** A value of the past as text; none where there was none. */
export function told(value: unknown, label: string | null | undefined): string | undefined {
  if (!given(value)) return undefined;
  if (label) return label;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
