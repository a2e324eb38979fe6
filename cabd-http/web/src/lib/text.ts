/** Lower case without accents, as the service compares names. */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/œ/gi, 'oe').replace(/æ/gi, 'ae').toLowerCase();
}

/** Cuts a text where the folded words of `asked` are found, so that a page can mark them. */
export function marked(text: string, asked: string): { text: string; hit: boolean }[] {
  const words = fold(asked).split(/\s+/).filter(Boolean);
  const letters = [...text];
  const folded = letters.map(fold);
  const hits = letters.map(() => false);
  const joined = folded.join('');
  const owner = folded.flatMap((part, i) => [...part].map(() => i));
  for (const word of words) {
    for (let at = joined.indexOf(word); at >= 0; at = joined.indexOf(word, at + word.length)) {
      for (let k = at; k < at + word.length; k++) {
        const i = owner[k];
        if (i !== undefined) hits[i] = true;
      }
    }
  }
  const parts: { text: string; hit: boolean }[] = [];
  letters.forEach((letter, i) => {
    const last = parts.at(-1);
    const hit = hits[i] ?? false;
    if (last && last.hit === hit) last.text += letter;
    else parts.push({ text: letter, hit });
  });
  return parts;
}

/** How well a name answers what was asked: smaller is better. */
export function rank(name: string, asked: string): number {
  const [n, a] = [fold(name), fold(asked.trim())];
  if (n === a) return 0;
  if (n.startsWith(a)) return 1;
  if (n.split(/[\s\-'’(]+/).some((w) => w.startsWith(a))) return 2;
  return n.includes(a) ? 3 : 4;
}

const BIDI = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufefc]/;

/** A text that turns nothing around it: one of the other direction, or with marks of direction, is closed off. */
export function closed(text: string): string {
  // Its own marks could end the closing early.
  return BIDI.test(text) ? `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')}\u2069` : text;
}

const ID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Whether a text is an identifier of a feature. */
export function isId(text: string): boolean {
  return ID.test(text.trim());
}

/** An address that a link may lead to: only of the web. */
export function webAddress(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return undefined;
  try {
    return new URL(text).href;
  } catch {
    return undefined;
  }
}
