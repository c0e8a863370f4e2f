// The most probable next tokens, at a temperature.

import { create } from "../pages/shared/elements.ts";
import { visible } from "./tokens.ts";

export interface Candidate {
  token: string;
  probability: number;
  isActual: boolean;
}

/** The most probable tokens, and the one that follows in the text if it is not among them. */
export function candidates(
  probabilities: Float64Array,
  vocabulary: readonly string[],
  actual: string | null,
  count: number,
): Candidate[] {
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]!);
  const shown = order.slice(0, count);
  const place = actual === null ? -1 : vocabulary.indexOf(actual);
  if (place >= 0 && !shown.includes(place)) shown.push(place);
  return shown.map((id) => ({ token: vocabulary[id]!, probability: probabilities[id]!, isActual: id === place }));
}

/** A table with a bar for each candidate. */
export function candidateTable(list: readonly Candidate[], caption: string, actual: string): HTMLElement {
  const rows = list.map(({ token, probability, isActual }) => {
    const bar = create("meter", { min: "0", max: "1", value: `${probability}`, "aria-hidden": "true" });
    return create(
      "tr",
      isActual ? { class: "actual" } : {},
      create("th", { scope: "row" }, visible(token)),
      create("td", {}, bar),
      create("td", {}, probability.toFixed(4)),
      create("td", {}, isActual ? actual : ""),
    );
  });
  return create("table", { class: "candidates" }, create("caption", {}, caption), ...rows);
}
