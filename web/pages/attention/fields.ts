// The fields of the page, and how its address stores them.

import { FIRST_SYMBOL_ID, symbolsOf } from "../../model/reversal.ts";
import type { ReversalOptions } from "../../model/reversal_training.ts";
import type { Cell } from "../../kernels/stack.ts";
import { storeInAddress } from "../shared/address.ts";
import { element, setField } from "../shared/elements.ts";
import { fill, type Language } from "../shared/language.ts";
import { numberProblem } from "../shared/number_fields.ts";
import type { Texts } from "./texts.ts";

/** The fields, and their first values. */
const FIELDS = {
  cell: "elman",
  directions: "2",
  symbols: "10",
  shortest: "4",
  longest: "8",
  units: "32",
  rate: "0.001",
  updates: "1000",
  seed: "1",
  sequence: "40917365",
};

export type Field = keyof typeof FIELDS;

export const NAMES = Object.keys(FIELDS) as Field[];
const NUMBERS = ["symbols", "shortest", "longest", "units", "rate", "updates", "seed"] as const;
export const LONGEST_SEQUENCE = 40;

export function field(name: Field): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

/** Sets the fields to the values of an address. */
export function readFields(stored: URLSearchParams): void {
  for (const name of NAMES) setField(field(name), stored.get(name) ?? "", FIELDS[name]);
}

export function storeFields(language: Language): void {
  storeInAddress({ lang: language, ...Object.fromEntries(NAMES.map((name) => [name, field(name).value])) });
}

export interface Settings {
  options: ReversalOptions;
  updates: number;
}

/** The settings in the fields, or what is wrong with them. */
export function readSettings(texts: Texts): Settings | { problem: string } {
  const wrong = numberProblem(NUMBERS, texts);
  if (wrong !== null) return { problem: wrong.message };
  const number = (name: Field) => field(name).valueAsNumber;
  const [shortest, longest] = [number("shortest"), number("longest")];
  if (shortest > longest) return { problem: fill(texts.wrongLengths, { shortest, longest }) };
  const options = {
    cell: field("cell").value as Cell,
    bidirectional: field("directions").value === "2",
    ...{ symbols: number("symbols"), shortest, longest, hiddenSize: number("units") },
    ...{ learningRate: number("rate"), seed: number("seed") },
  };
  return { options, updates: number("updates") };
}

/** The ids of the sequence in its field, or what is wrong with it. */
export function readSequence(symbols: number, texts: Texts): { ids: number[] } | { problem: string } {
  const known = symbolsOf(symbols);
  const characters = [...field("sequence").value.trim().toUpperCase()];
  const values = { known: `${known[0]} – ${known.at(-1)}`, most: LONGEST_SEQUENCE };
  const unknown = characters.find((character) => !known.includes(character));
  if (unknown !== undefined) return { problem: fill(texts.wrongSymbol, { ...values, given: unknown }) };
  if (characters.length === 0) return { problem: fill(texts.emptySequence, values) };
  if (characters.length > LONGEST_SEQUENCE) {
    return { problem: fill(texts.longSequence, { ...values, given: characters.length }) };
  }
  return { ids: characters.map((character) => FIRST_SYMBOL_ID + known.indexOf(character)) };
}

/** A random sequence of the greatest length of the training. */
export function randomSequence({ symbols, longest }: ReversalOptions): string {
  const known = symbolsOf(symbols);
  return Array.from({ length: longest }, () => known[Math.floor(Math.random() * known.length)]!).join("");
}
