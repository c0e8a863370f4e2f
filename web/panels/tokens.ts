// How tokens are written where they stand alone.

const NAMES: Record<string, string> = { "\n": "⏎", "\t": "⇥", " ": "␣", "\u3000": "□", "": "∅" };

/** A token with visible names for what has no shape. */
export function visible(token: string): string {
  const written = NAMES[token] ?? token.replaceAll("\n", "⏎");
  return written.replace(/[\0-\x1f]/g, (character) => String.fromCharCode(0x2400 + character.charCodeAt(0)));
}
