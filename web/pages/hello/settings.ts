// The fields of the page, and their values.

import type { Cell } from "../../kernels/stack.ts";
import { charactersOf, type MapperSettings } from "../../model/text_mapper.ts";
import { storeInAddress } from "../shared/address.ts";
import { element, setField } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import { numberProblem } from "../shared/number_fields.ts";
import type { Texts } from "./texts.ts";

/** The fields, and their first values: those of `elman lab ohlol-cell`. */
const FIRST = {
  source: "hello",
  target: "ohlol",
  cell: "elman",
  logits: "state",
  hidden: "8",
  optimizer: "adam",
  rate: "0.1",
  epochs: "15",
  seed: "1",
  other: "olleh",
};

export type Field = keyof typeof FIRST;

const FIELDS = Object.keys(FIRST) as Field[];

/** The fields of a training. A change of one of them starts the training again. */
export const TRAINING_FIELDS = ["source", "target", "cell", "logits", "hidden", "optimizer", "rate", "seed"] as const;

const NUMBERS = ["hidden", "rate", "epochs", "seed"] as const;
const MAX_CHARACTERS = 32;

export function field(name: Field): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

export function readFields(stored: URLSearchParams): void {
  for (const name of FIELDS) setField(field(name), stored.get(name) ?? "", FIRST[name]);
  if (numberProblem(NUMBERS, { wrongNumber: "" })) for (const name of NUMBERS) field(name).value = FIRST[name];
}

export function storeFields(others: Record<string, string>): void {
  storeInAddress({ ...others, ...Object.fromEntries(FIELDS.map((name) => [name, field(name).value])) });
}

/** The characters in a field, without halves of characters. */
export function textIn(name: "source" | "target" | "other"): string[] {
  return [...field(name).value.replace(/\p{Surrogate}/gu, "\ufffd")];
}

/** The texts that are trained, and the network. */
export interface Task {
  source: string[];
  target: string[];
  characters: string[];
  settings: MapperSettings;
}

/** What is wrong with the fields of a training, or nothing. */
export function fieldProblem(texts: Texts): string {
  for (const name of ["source", "target"] as const) {
    const problem = lengthProblem(name, texts);
    if (problem) return problem;
  }
  const [source, target] = [textIn("source").length, textIn("target").length];
  if (source !== target) return fill(texts.unequalTexts, { source, target });
  const isUsed = (name: Field) => name !== "hidden" || field("logits").value === "linear";
  return numberProblem(NUMBERS.filter(isUsed), texts)?.message ?? "";
}

/** What is wrong with the text that was not trained, or nothing. */
export function otherProblem(characters: readonly string[], texts: Texts): string {
  const problem = lengthProblem("other", texts);
  if (problem) return problem;
  const unknown = new Set(textIn("other").filter((character) => !characters.includes(character)));
  const values = { name: texts.otherLabel, given: [...unknown].join(" "), known: characters.join(" ") };
  return unknown.size ? fill(texts.unknown, values) : "";
}

function lengthProblem(name: "source" | "target" | "other", texts: Texts): string {
  const { length } = textIn(name);
  const values = { name: name === "other" ? texts.otherLabel : texts[name], given: length, most: MAX_CHARACTERS };
  if (length === 0) return fill(texts.emptyText, values);
  return length > MAX_CHARACTERS ? fill(texts.longText, values) : "";
}

/** The task in the fields, which have to be correct. */
export function readTask(): Task {
  const [source, target] = [textIn("source"), textIn("target")];
  const characters = charactersOf(...source, ...target);
  const hasLinear = field("logits").value === "linear";
  return {
    ...{ source, target, characters },
    settings: {
      ...{ cell: field("cell").value as Cell, hasLinear },
      hidden: hasLinear ? field("hidden").valueAsNumber : characters.length,
      optimizer: field("optimizer").value as "adam" | "sgd",
      ...{ rate: field("rate").valueAsNumber, seed: field("seed").valueAsNumber },
    },
  };
}
