/**
 * The symbols of the map. Shape and colour both tell types apart: the shapes differ without any colour, and the colours
 * keep apart for the common kinds of colour blindness, in lightness or between blue and yellow: dots have no shape.
 */
export interface Symbol {
  /** Outline in a square of 24 units. */
  path: string;
  colour: string;
  /** On a dark ground. */
  dark: string;
}

const SHAPES = {
  // A wall with buttress.
  dam: 'M4 5h9.2c.5 0 1 .3 1.2.8L20.5 19H4z',
  // A drop.
  fall: 'M12 3.2 20.8 19.5H3.2z',
  // Steps.
  ladder: 'M3.5 20V14h5.5V9.5h5.5V4.5h6V20z',
  // A culvert under a road.
  culvert: 'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z',
  // A rhomb.
  rhomb: 'M12 2.5 21.5 12 12 21.5 2.5 12z',
  hexagon: 'M7 3.5h10l5 8.5-5 8.5H7L2 12z',
  plus: 'M8.5 3h7v5.5H21v7h-5.5V21h-7v-5.5H3v-7h5.5z',
  star: 'M12 2.5l2.9 6.3 6.9.8-5.1 4.7 1.4 6.8L12 17.7l-6.1 3.4 1.4-6.8L2.2 9.6l6.9-.8z',
} as const;

const KNOWN: Record<string, Symbol> = {
  dams: { path: SHAPES.dam, colour: '#1f4e8c', dark: '#7fb0ee' },
  waterfalls: { path: SHAPES.fall, colour: '#0f9fb5', dark: '#4fd0de' },
  fishways: { path: SHAPES.ladder, colour: '#dd8f22', dark: '#ffc67d' },
  stream_crossings: { path: SHAPES.culvert, colour: '#993017', dark: '#dd6347' },
  modelled_crossings: { path: SHAPES.rhomb, colour: '#737b81', dark: '#b3bbc0' },
};

const MORE: Symbol[] = [
  { path: SHAPES.hexagon, colour: '#7a4fb5', dark: '#b795e8' },
  { path: SHAPES.plus, colour: '#b5532f', dark: '#e8906d' },
  { path: SHAPES.star, colour: '#4d7c57', dark: '#8cc497' },
  { path: SHAPES.rhomb, colour: '#57606a', dark: '#a9b4bd' },
];

/** The symbol of each type, the same wherever the types come in the same order. */
export function symbols(types: string[]): Map<string, Symbol> {
  const out = new Map<string, Symbol>();
  let next = 0;
  for (const type of types) {
    const known = KNOWN[type];
    out.set(type, known ?? (MORE[next++ % MORE.length] as Symbol));
  }
  return out;
}

/** Colours of the codes of passability: barrier, partial, passable, unknown, and two kinds of none. */
export const PASSABILITY: Record<string, string> = {
  '1': '#c0392b',
  '2': '#e39a2d',
  '3': '#2a7fb8',
  '4': '#7b858b',
  '5': '#9a8fb0',
  '6': '#b9b4a7',
};
export const PASSABILITY_OTHER = '#7b858b';
