// How tokens are written where they stand alone.

/** A map: as a key of an object, a token such as `constructor` would find what every object has. */
const NAMES = new Map([
  ["\n", "⏎"],
  ["\t", "⇥"],
  [" ", "␣"],
  ["\u3000", "□"],
  ["", "∅"],
]);

/** Characters that move other text or have no shape (elman/text/terminal.py): C1 controls, directions, half of a pair. */
const UNPRINTABLE = /[\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/** A token, or a text, with visible names for what has no shape. */
export function visible(token: string): string {
  const written = NAMES.get(token) ?? token.replaceAll("\n", "⏎");
  return written
    .replace(/[\0-\x1f]/g, (character) => String.fromCharCode(0x2400 + character.charCodeAt(0)))
    .replaceAll("\x7f", "\u2421")
    .replace(UNPRINTABLE, "\ufffd");
}
