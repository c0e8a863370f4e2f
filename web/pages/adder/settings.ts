// The fields of the page, and their values.

import type { AdderSettings } from "../../model/adder.ts";
import { storeInAddress } from "../shared/address.ts";
import { element, setField } from "../shared/elements.ts";

/** The fields, and their first values: those of `elman lab adder`. */
const FIRST = {
  seed: "0",
  hidden: "16",
  rate: "0.1",
  batch: "1",
  updates: "10000",
  speed: "fastest",
  a: "9",
  b: "60",
  digits: "8",
};

export type Field = keyof typeof FIRST;

export const FIELDS = Object.keys(FIRST) as Field[];

/** The fields of a training. A change of one of them starts the training again. */
export const TRAINING_FIELDS = ["seed", "hidden", "rate", "batch"] as const;

export function field(name: Field): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

export function readFields(stored: URLSearchParams): void {
  for (const name of FIELDS) setField(field(name), stored.get(name) ?? "", FIRST[name]);
}

export function storeFields(others: Record<string, string>): void {
  storeInAddress({ ...others, ...Object.fromEntries(FIELDS.map((name) => [name, field(name).value])) });
}

export function adderSettings(): AdderSettings {
  const number = (name: Field) => field(name).valueAsNumber;
  return { seed: number("seed"), hidden: number("hidden"), rate: number("rate"), batch: number("batch") };
}

/** Updates in a second; as many as possible if infinite. */
export function speed(): number {
  return field("speed").value === "fastest" ? Infinity : Number(field("speed").value);
}

/** The number in a field, decimal or binary after 0b; null if there is none from 0 to `largest`. */
export function numberIn(name: "a" | "b", largest: bigint): bigint | null {
  const text = field(name).value.trim();
  if (!/^(\d+|0b[01]+)$/i.test(text)) return null;
  const number = BigInt(text.toLowerCase());
  return number <= largest ? number : null;
}
