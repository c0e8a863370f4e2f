// What the page shows of a training: the curves, the carry unit, and the tables of exact sums.

import type { Evaluation, LongSums } from "../../model/adder_evaluation.ts";
import { type AdderTraining, EVALUATE_EVERY } from "../../model/adder_training.ts";
import { Figure } from "../../panels/figure.ts";
import { drawLines } from "../../panels/line_chart.ts";
import { shortNumber } from "../../panels/numbers.ts";
import { element } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import { showTable } from "../shared/tables.ts";
import { chainTable, longTable, percent, printedTable, unitTable } from "./tables.ts";
import type { Texts } from "./texts.ts";

const CLEAR_CORRELATION = 0.9; // of a unit that stores the carry and little else
const ERROR_DIGITS = 4;

export class Results {
  private readonly loss = new Figure("loss");
  private readonly accuracy = new Figure("exact-sums");

  constructor() {
    element("loss").append(this.loss.element);
    element("accuracy").append(this.accuracy.element);
  }

  /** long: null while the network is being trained. */
  show(training: AdderTraining, long: readonly LongSums[] | null, texts: Texts): void {
    const { updates, evaluation } = training.lastEvaluation;
    element("progress").textContent = progressText(training, texts);
    element("last").textContent = lastText(training, texts);
    this.showCurves(training, texts);
    element("carry-unit").textContent = carryUnitText(evaluation, texts);
    showTable(element("unit-table"), unitTable(evaluation, updates, texts));
    showTable(element("chain-table"), chainTable(evaluation, updates, texts));
    showTable(element("printed-table"), printedTable(training, texts));
    element("long-table").hidden = long === null;
    element("long-running").hidden = long !== null;
    if (long) showTable(element("long-table"), longTable(long, training.updates, texts));
  }

  private showCurves({ loss, shares, lastEvaluation }: AdderTraining, texts: Texts): void {
    const { every, points } = loss;
    const losses = drawLines({
      series: [{ name: texts.loss, values: points, x: points.map((_, i) => (i + 1) * every) }],
      ...{ xLabel: texts.update, yLabel: texts.loss, yRange: [0, 1] },
    });
    const help = every === 1 ? texts.lossHelpOne : fill(texts.lossHelp, { every });
    this.loss.show(losses, texts.lossTitle, help, texts.save);
    const exact = drawLines({
      series: [
        {
          name: texts.exactSums,
          values: shares.map((share) => 100 * share),
          x: shares.map((_, i) => i * EVALUATE_EVERY),
        },
      ],
      ...{ xLabel: texts.update, yLabel: texts.percent, yRange: [0, 100] },
    });
    const { total } = lastEvaluation.evaluation;
    const values = { total, every: EVALUATE_EVERY };
    this.accuracy.show(exact, texts.accuracyTitle, fill(texts.accuracyHelp, values), texts.save);
  }
}

function progressText({ updates, lastEvaluation }: AdderTraining, texts: Texts): string {
  const { updates: evaluated, evaluation } = lastEvaluation;
  const { exact, total } = evaluation;
  const text = evaluated === updates ? texts.progress : texts.progressSince;
  return fill(text, { updates, evaluated, exact, total, percent: percent(evaluation) });
}

function lastText({ last, updates }: AdderTraining, texts: Texts): string {
  if (last === null) return "";
  const { a, b, answer } = last;
  const values = { a, b, answer, sum: a + b, error: last.error.toFixed(ERROR_DIGITS) };
  return fill(texts.last, { ...values, update: updates });
}

function carryUnitText({ units, total, steps }: Evaluation, texts: Texts): string {
  const { unit, correlation, area } = units[0]!;
  const numbers = { unit: unit + 1, total, steps, correlation: shortNumber(correlation), area: shortNumber(area) };
  const sentences = [fill(texts.carryUnit, numbers), correlation > 0 ? texts.carryUnitHigh : texts.carryUnitLow];
  if (Math.abs(correlation) < CLEAR_CORRELATION) sentences.push(texts.carryUnitWeak);
  return sentences.join(texts.sentenceSpace);
}
