/** A value of a code list. */
export interface Code {
  value: string | number;
  name: string;
  description?: string;
  /** South-west and north-east corner, of areas. */
  bbox?: [[number, number], [number, number]];
}

/** An attribute as `/features/types/{type}` describes it. */
export interface Attribute {
  id: string;
  name: string;
  description?: string | null;
  type: string;
  group?: string | null;
  unit?: string | null;
  /** The attribute whose label this is. */
  label_of?: string | null;
  /** Whether tiles carry it. */
  tile?: boolean;
  values?: Code[];
  min_value?: number | string | null;
  max_value?: number | string | null;
}

/** A type as `/features/types` lists it. */
export interface TypeHead {
  type: string;
  name: string;
  description?: string;
  /** The types that a super type unites; empty for others. */
  members: string[];
  data_version: string | null;
}

/** A type with its attributes. */
export interface TypeInfo extends TypeHead {
  name_attribute?: string | null;
  attributes: Attribute[];
  views: Record<string, { attribute_order: string[] }>;
}

export type Lang = 'en' | 'fr';

/** West, south, east, north. */
export type Box = [number, number, number, number];
