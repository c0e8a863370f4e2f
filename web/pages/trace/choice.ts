// The reader's selection, which the address of the page stores.

import { type Feature, FEATURES } from "../../panels/unit_search.ts";
import { storeInAddress } from "../shared/address.ts";

/** Layers, units and tokens count from 0 here, and from 1 in the address. */
export interface Choice {
  layer: number;
  array: string;
  unit: number;
  token: number;
  temperature: number;
  /** Null until there is a trace: then the first one that some of its tokens have. */
  feature: Feature | null;
  own: string;
  /** What the reader has entered: the units that are drawn as lines; empty for the selected unit. */
  units: string;
  /** The gates and states that are drawn as lines; null for all of them. */
  lines: readonly string[] | null;
}

/** The choice in an address, which may not fit the trace. */
export function readChoice(stored: URLSearchParams): Choice {
  const place = (name: string) => Math.max(0, Math.floor(Number(stored.get(name) ?? 1)) - 1) || 0;
  const feature = stored.get("feature") as Feature;
  return {
    ...{ layer: place("layer"), array: stored.get("array") ?? "", unit: place("unit"), token: place("token") },
    temperature: Number(stored.get("temperature") ?? 1),
    feature: FEATURES.includes(feature) ? feature : null,
    own: stored.get("own") ?? "",
    units: stored.get("units") ?? "",
    lines: stored.get("lines")?.split(",") ?? null,
  };
}

export function storeChoice(language: string, choice: Choice): void {
  const { layer, array, unit, token, temperature, feature, own, units, lines } = choice;
  storeInAddress({
    lang: language,
    ...{ layer: `${layer + 1}`, array, unit: `${unit + 1}`, token: `${token + 1}` },
    ...{ temperature: `${temperature}`, feature: feature ?? "" },
    ...(own ? { own } : {}),
    ...(units ? { units } : {}),
    ...(lines ? { lines: lines.join(",") } : {}),
  });
}
