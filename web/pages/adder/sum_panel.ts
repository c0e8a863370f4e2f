// The sum that the reader enters: its digits, the outputs of the network, and the hidden units at each step.

import type { Adder } from "../../model/adder.ts";
import { numberOf, type Sums, sumOf } from "../../model/binary_addition.ts";
import { Figure } from "../../panels/figure.ts";
import { drawHeatMap, type HeatMap } from "../../panels/heat_map.ts";
import { element } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import { showTable } from "../shared/tables.ts";
import { field, numberIn } from "./settings.ts";
import { digitOf, digitTable } from "./tables.ts";
import type { Texts } from "./texts.ts";

const WIDE = 16; // steps, above which a column has no space for three characters

export interface AddedSum {
  a: bigint;
  b: bigint;
  sums: Sums;
  /** (T,) and (T, H). */
  outputs: Float64Array;
  h: Float64Array;
}

export class SumPanel {
  private readonly figure = new Figure("carry");

  constructor(changed: () => void) {
    element("units").append(this.figure.element);
    for (const name of ["a", "b", "digits"] as const) field(name).addEventListener("input", changed);
    element("sorted").addEventListener("change", changed);
    element("random").addEventListener("click", () => this.enter(this.randomNumber(), this.randomNumber(), changed));
    element("longest").addEventListener("click", () => this.enter(1n, this.largest, changed));
  }

  private get steps(): number {
    return Number(field("digits").value);
  }

  /** The largest number: a sum of two of them has at most as many digits as there are steps. */
  private get largest(): bigint {
    return (1n << BigInt(this.steps - 1)) - 1n;
  }

  private randomNumber(): bigint {
    const digits = Array.from({ length: this.steps - 1 }, () => Math.floor(2 * Math.random()));
    return numberOf(digits);
  }

  private enter(a: bigint, b: bigint, changed: () => void): void {
    field("a").value = `${a}`;
    field("b").value = `${b}`;
    changed();
  }

  /** The sum in the fields as the network computes it; null if a number is wrong, which is shown. */
  add(adder: Adder, texts: Texts): AddedSum | null {
    const { largest } = this;
    const [a, b] = [numberIn("a", largest), numberIn("b", largest)];
    element("sum-problem").textContent = "";
    element("sum-result").hidden = a === null || b === null;
    if (a === null || b === null) {
      const [name, text] = a === null ? [texts.numberA, field("a").value] : [texts.numberB, field("b").value];
      const values = { name, given: text.trim() || "–", most: largest.toLocaleString("en") };
      element("sum-problem").textContent = fill(texts.wrongAddend, values);
      return null;
    }
    const sums = sumOf(a, b, this.steps);
    return { a, b, sums, ...adder.run(sums) };
  }

  /** order: all units, the one that follows the carry best first. */
  show(sum: AddedSum, order: readonly number[], texts: Texts): void {
    element("answer").textContent = answerText(sum, texts);
    showTable(element("digit-table"), digitTable(sum.sums, sum.outputs, texts));
    const isSorted = element<HTMLInputElement>("sorted").checked;
    const map = unitMap(sum, isSorted ? order : [...order].sort((a, b) => a - b), order[0]!, texts);
    this.figure.show(drawHeatMap(map), texts.unitsTitle, texts.unitsHelp, texts.save);
  }
}

function answerText({ a, b, sums, outputs }: AddedSum, texts: Texts): string {
  const digits = Array.from(outputs, digitOf);
  const wrong = digits.filter((digit, t) => digit !== sums.target[t]).length;
  const text = wrong === 0 ? texts.rightAnswer : wrong === 1 ? texts.oneWrong : texts.wrongAnswer;
  const numbers = { a, b, sum: a + b, answer: numberOf(digits) };
  const shown = Object.entries(numbers).map(([name, number]) => [name, number.toLocaleString("en")]);
  return fill(text, { ...(Object.fromEntries(shown) as Record<string, string>), wrong, digits: sums.T });
}

/** The carry, the units in an order, and the output. The cells of the carry unit are framed where there is a carry. */
function unitMap({ sums, outputs, h }: AddedSum, units: readonly number[], best: number, texts: Texts): HeatMap {
  const { T, x, carry } = sums;
  const steps = Array.from({ length: T }, (_, t) => t);
  const ofUnit = (unit: number) => steps.map((t) => h[t * units.length + unit]!);
  const row = 1 + units.indexOf(best);
  const name = (unit: number) => `${unit === best ? "▶ " : ""}${fill(texts.unitRow, { unit: unit + 1 })}`;
  return {
    values: [...carry, ...units.flatMap(ofUnit), ...outputs],
    ...{ rows: units.length + 2, columns: T, isShare: true },
    rowLabels: [texts.carryRow, ...units.map(name), texts.outputRow],
    columnLabels: steps.map((t) => `${x[2 * t]}${T > WIDE ? "" : "+"}${x[2 * t + 1]}`),
    framed: steps.filter((t) => carry[t]).map((column) => ({ row, column })),
  };
}
