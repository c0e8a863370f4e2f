// The tables of the page: the digits of a sum, units, exact sums, and the lines that the source prints.

import type { Evaluation, Exact, LongSums } from "../../model/adder_evaluation.ts";
import type { AdderTraining } from "../../model/adder_training.ts";
import type { Sums } from "../../model/binary_addition.ts";
import { shortNumber } from "../../panels/numbers.ts";
import { create } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import type { TableContent } from "../shared/tables.ts";
import type { Texts } from "./texts.ts";

const PRINTED_LINES = 10;
const ERROR_DIGITS = 8; // of the source

/** The digit that an output stands for. */
export function digitOf(y: number): 0 | 1 {
  return y > 0.5 ? 1 : 0;
}

/** One column for each step. */
export function digitTable({ T, x, target, carry }: Sums, outputs: Float64Array, texts: Texts): TableContent {
  const steps = Array.from({ length: T }, (_, t) => t);
  const row = (name: string, cell: (t: number) => string) => [name, ...steps.map(cell)] as [string, ...string[]];
  const verdicts = steps.map((t) => verdict(digitOf(outputs[t]!) === target[t], texts));
  return {
    caption: texts.digitCaption,
    head: [texts.step, ...steps.map((t) => `${t + 1}`)],
    rows: [
      row(texts.digitOfA, (t) => `${x[2 * t]}`),
      row(texts.digitOfB, (t) => `${x[2 * t + 1]}`),
      row(texts.carryBefore, (t) => (t === 0 ? "0" : `${carry[t - 1]}`)),
      row(texts.digitOfSum, (t) => `${target[t]}`),
      row(texts.output, (t) => outputs[t]!.toFixed(3)),
      row(texts.digitOfAnswer, (t) => `${digitOf(outputs[t]!)}`),
      [texts.verdict, ...verdicts],
    ],
  };
}

export function unitTable({ units }: Evaluation, updates: number, texts: Texts): TableContent {
  return {
    caption: fill(texts.unitCaption, { updates }),
    head: [texts.unit, texts.correlation, texts.area, texts.withCarry, texts.withoutCarry],
    rows: units.map(({ unit, ...numbers }) => [
      `${unit + 1}`,
      ...[numbers.correlation, numbers.area, numbers.withCarry, numbers.withoutCarry].map(shortNumber),
    ]),
  };
}

export function chainTable({ byLongestCarry }: Evaluation, updates: number, texts: Texts): TableContent {
  return {
    caption: fill(texts.chainCaption, { updates }),
    head: [texts.chain, texts.sums, texts.exact, texts.share],
    rows: byLongestCarry.map((count, carries) => [`${carries}`, ...exactCells(count)]),
  };
}

export function longTable(long: readonly LongSums[], updates: number, texts: Texts): TableContent {
  return {
    caption: fill(texts.longCaption, { updates }),
    head: [texts.long, texts.sums, texts.exact, texts.share, texts.longestCarry],
    rows: long.map(({ digits, isLongestExact, ...count }) => {
      return [`${digits}`, ...exactCells(count), verdict(isLongestExact, texts)];
    }),
  };
}

export function printedTable({ printed }: AdderTraining, texts: Texts): TableContent {
  return {
    caption: texts.printedCaption,
    head: [texts.printedUpdate, texts.error, texts.bits, "a + b", texts.sum, texts.answer, texts.verdict],
    rows: printed.slice(-PRINTED_LINES).map(({ update, example }) => {
      const { a, b, error, answer, outputs } = example;
      const bits = Array.from(outputs, digitOf).reverse().join("");
      const numbers = [error.toFixed(ERROR_DIGITS), bits, `${a} + ${b}`, `${a + b}`, `${answer}`];
      return [`${update}`, ...numbers, verdict(answer === a + b, texts)];
    }),
  };
}

/** A mark that does not depend on colour. */
function verdict(isRight: boolean, texts: Texts): HTMLTableCellElement {
  return isRight ? create("td", {}, texts.right) : create("td", { class: "wrong" }, texts.wrong);
}

/** The cells of a count: all sums, the exact ones, and their share. */
function exactCells({ exact, total }: Exact): string[] {
  return [total.toLocaleString("en"), exact.toLocaleString("en"), `${percent({ exact, total })} %`];
}

/** The share in percent, which is 100 only if all are exact. */
export function percent({ exact, total }: Exact): string {
  const tenths = Math.floor((1000 * exact) / total);
  return exact === total ? "100" : (tenths / 10).toFixed(1);
}
