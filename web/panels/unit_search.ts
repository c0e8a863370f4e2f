// Which units respond to a kind of token: by the area under the ROC curve of their values (Hanley and McNeil, 1982).

import { areaUnderCurve } from "../model/roc_curve.ts";

export type Feature = "quotes" | "lineEnds" | "digits" | "capitals" | "spaces" | "punctuation" | "own";

export const FEATURES: readonly Feature[] = [
  "quotes",
  "lineEnds",
  "digits",
  "capitals",
  "spaces",
  "punctuation",
  "own",
];

const PATTERNS: Record<Exclude<Feature, "quotes" | "own">, RegExp> = {
  lineEnds: /\n/u,
  digits: /\p{N}/u,
  capitals: /\p{Lu}/u,
  spaces: /^\s+$/u,
  punctuation: /\p{P}/u,
};

const QUOTES: Record<string, string> = { "“": "”", "「": "」", "『": "』", "‘": "’", "«": "»", '"': '"' };

/** Whether each token has a feature. `own`: the characters of the reader's own feature. */
export function marks(tokens: readonly string[], feature: Feature, own: string): boolean[] {
  if (feature === "quotes") return insideQuotes(tokens);
  if (feature === "own") {
    const characters = new Set(own);
    return tokens.map((token) => [...token].some((character) => characters.has(character)));
  }
  return tokens.map((token) => PATTERNS[feature].test(token));
}

/** Whether each token is inside quotation marks; the opening one counts, the closing one does not. */
function insideQuotes(tokens: readonly string[]): boolean[] {
  let closing: string | null = null;
  return tokens.map((token) => {
    for (const character of token) {
      if (character === closing) closing = null;
      else if (closing === null) closing = QUOTES[character] ?? null;
    }
    return closing !== null;
  });
}

interface RankedUnit {
  unit: number;
  /** 1: every marked token has a higher value than every other one; 0: a lower one; 0.5: chance. */
  area: number;
}

/** The units that separate the marked tokens best from the others, best first. values (T, H). */
export function findUnits(values: ArrayLike<number>, isMarked: readonly boolean[], count: number): RankedUnit[] {
  const T = isMarked.length;
  const H = values.length / T;
  const marked = isMarked.filter(Boolean).length;
  if (marked === 0 || marked === T) return [];
  const column = (unit: number, wanted: boolean) =>
    Float64Array.from(isMarked.flatMap((mark, t) => (mark === wanted ? [values[t * H + unit]!] : [])));
  const ranked = Array.from({ length: H }, (_, unit) => {
    return { unit, area: areaUnderCurve(column(unit, true), column(unit, false)) };
  });
  return ranked.sort((a, b) => Math.abs(b.area - 0.5) - Math.abs(a.area - 0.5)).slice(0, count);
}
