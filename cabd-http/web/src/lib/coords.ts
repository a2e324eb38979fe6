/** A place on the map, in degrees. */
export interface Place {
  lat: number;
  lng: number;
}

const HEMISPHERE: Record<string, { axis: 'lat' | 'lng'; sign: number }> = {
  N: { axis: 'lat', sign: 1 },
  S: { axis: 'lat', sign: -1 },
  E: { axis: 'lng', sign: 1 },
  W: { axis: 'lng', sign: -1 },
  // French west.
  O: { axis: 'lng', sign: -1 },
};

interface Part {
  value: number;
  axis?: 'lat' | 'lng';
}

function part(text: string): Part | undefined {
  const letter = /[NSEWO]/i.exec(text)?.[0]?.toUpperCase();
  const hemisphere = letter ? HEMISPHERE[letter] : undefined;
  const numbers = text.match(/[+-]?\d+(?:\.\d+)?/g)?.map(Number) ?? [];
  if (numbers.length < 1 || numbers.length > 3) return undefined;
  const [degrees = 0, minutes = 0, seconds = 0] = numbers;
  if (minutes < 0 || minutes >= 60 || seconds < 0 || seconds >= 60) return undefined;
  const size = Math.abs(degrees) + minutes / 60 + seconds / 3600;
  const negative = degrees < 0 || Object.is(degrees, -0) || /^\s*-/.test(text);
  const sign = hemisphere ? hemisphere.sign : negative ? -1 : 1;
  return { value: sign * size, axis: hemisphere?.axis };
}

/**
 * Reads coordinates as people write them: `50.64, -68.73`, `50,64; -68,73`, `-68.73 50.64`, `50°38'24"N 68°43'37"W`.
 *
 * Latitude comes first unless letters say otherwise or only the other order is a place.
 */
export function parsePlace(text: string): Place | undefined {
  let plain = text.trim().toUpperCase().replace(/(\d),(\d)(?=.*;)/g, '$1.$2').replace(/(;.*\d),(\d)/g, '$1.$2');
  plain = plain.replace(/[′’]/g, "'").replace(/[″”]/g, '"');
  if (!/\d/.test(plain) || /[^\d\s.,;+\-°'"NSEWO]/.test(plain)) return undefined;
  const pieces = halves(plain);
  if (!pieces) return undefined;
  const [a, b] = pieces.map(part);
  if (!a || !b || (a.axis && a.axis === b.axis)) return undefined;
  let lat = a.value;
  let lng = b.value;
  const swapped = a.axis === 'lng' || b.axis === 'lat';
  if (swapped || (!a.axis && !b.axis && Math.abs(lat) > 90)) [lat, lng] = [lng, lat];
  if (Math.abs(lat) > 90 || Math.abs(lng) > 180) return undefined;
  return { lat, lng };
}

function halves(text: string): [string, string] | undefined {
  const lettered = /^([^NSEWO]*[NSEWO])[\s,;]*([^NSEWO]*[NSEWO])$/.exec(text) ?? /^([NSEWO][^NSEWO]*?)[\s,;]*([NSEWO][^NSEWO]*)$/.exec(text);
  if (lettered?.[1] && lettered[2]) return [lettered[1], lettered[2]];
  const split = text.split(/\s*[;,]\s*/).filter(Boolean);
  if (split.length === 2 && split[0] && split[1]) return [split[0], split[1]];
  const words = text.split(/\s+/).filter(Boolean);
  return words.length === 2 && words[0] && words[1] ? [words[0], words[1]] : undefined;
}
