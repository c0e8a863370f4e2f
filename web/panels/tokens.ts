// How tokens are written where they stand alone.

const NAMES: Record<string, string> = { "\n": "⏎", "\t": "⇥", " ": "␣", "\u3000": "□", "": "∅" };

/** A token with visible names for what has no shape. */
export function visible(token: string): string {
  return NAMES[token] ?? token.replaceAll("\n", "⏎");
}
