// The fields of the page, and how its address stores them.

import { storeInAddress } from "../shared/address.ts";
import { element, setField } from "../shared/elements.ts";

/** The fields, and their first values. */
export const FIELDS = {
  cell: "lstm",
  units: "128",
  layers: "1",
  minutes: "1",
  seed: "1",
  prompt: "",
  temperature: "0.7",
  length: "300",
  draw: "1",
};

export type Field = keyof typeof FIELDS;

const NAMES = Object.keys(FIELDS) as Field[];

export function field(name: Field): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

/** Sets the fields to the values of an address. */
export function readFields(stored: URLSearchParams): void {
  for (const name of NAMES) {
    setField(field(name), stored.get(name) ?? "", FIELDS[name]);
  }
}

/** Keeps the values of the fields in the address, after some others. */
export function storeFields(others: Record<string, string>): void {
  storeInAddress({ ...others, ...Object.fromEntries(NAMES.map((name) => [name, field(name).value])) });
}
