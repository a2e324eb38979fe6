import { PASSABILITY, PASSABILITY_OTHER, type Symbol } from '../lib/symbols.ts';

const SIZE = 24;

/** Draws a symbol for the map: filled, with an outline that sets it off from what is below. */
export function drawn(symbol: Symbol, colour: string, outline: string, ratio = 2): ImageData | undefined {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIZE * ratio;
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  context.scale(ratio, ratio);
  // Room for the outline.
  context.translate(1.5, 1.5);
  context.scale((SIZE - 3) / SIZE, (SIZE - 3) / SIZE);
  const path = new Path2D(symbol.path);
  context.lineJoin = 'round';
  context.lineWidth = 3.2;
  context.strokeStyle = outline;
  context.stroke(path);
  context.fillStyle = colour;
  context.fill(path);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** The colour of a symbol whose name is `symbol|type|code`. */
export function colourOf(name: string, symbol: Symbol): string {
  const code = name.split('|')[2];
  return code === undefined ? symbol.colour : (PASSABILITY[code] ?? PASSABILITY_OTHER);
}
