// The panel "training": losses, a metric, learning rates and norms of the gradient of one run, or of several in comparison.
//
//   const panel = new TrainingPanel("training", TRAINING_TEXTS.en);
//   page.append(panel.element);
//   panel.show([{ name: "gru-64", records }]);  // again whenever records have been added
//
// `records` are those of a run folder's metrics.jsonl (records.ts). An array that grows is read only from where the last
// call ended. A picture has at most four points of a line for each column of pixels (thinning.ts).

import { create } from "../../pages/shared/elements.ts";
import { fill } from "../../pages/shared/language.ts";
import { Figure, onPaletteChange } from "../figure.ts";
import { drawLines, type LineChart, type Series } from "../line_chart.ts";
import { shortNumber } from "../numbers.ts";
import { bestValue, type Curve, isHigherBetter, RunCurves } from "./curves.ts";
import type { MetricRecord } from "./records.ts";
import type { TrainingTexts } from "./texts.ts";

export interface TrainingRun {
  readonly name: string;
  readonly records: readonly MetricRecord[];
}

/** A run with its curves. */
interface ShownRun {
  name: string;
  curves: RunCurves;
}

const DECADE = 10; // the range of gradient norms above which their axis is logarithmic

export class TrainingPanel {
  readonly element = create("div", { class: "training-panel" });
  /** Is called when the reader has chosen another metric. */
  onChoice: () => void = () => {};
  private chosen: string | null = null;
  private runs: ShownRun[] = [];
  private readonly known = new WeakMap<readonly MetricRecord[], RunCurves>();
  private readonly parts = makeParts();
  private readonly loss: Figure;
  private readonly validation: Figure;
  private readonly rate: Figure;
  private readonly norm: Figure;

  /** name: of the files that are saved. */
  constructor(
    name: string,
    private texts: TrainingTexts,
  ) {
    this.loss = new Figure(`${name}-loss`);
    this.validation = new Figure(`${name}-validation`);
    this.rate = new Figure(`${name}-learning-rate`);
    this.norm = new Figure(`${name}-gradient-norm`);
    const { empty, rollbacks, choice, best, sample } = this.parts;
    const figures = [this.loss, this.validation, this.rate, this.norm].map(({ element }) => element);
    this.element.append(empty, rollbacks, figures[0]!, choice, ...figures.slice(1), best, sample);
    this.parts.metric.addEventListener("input", () => {
      this.metric = this.parts.metric.value;
      this.onChoice();
    });
    onPaletteChange(() => this.render());
  }

  /** The metric of the validation set that is shown, which an address can store; null if the panel chooses it. */
  get metric(): string | null {
    return this.chosen;
  }

  set metric(name: string | null) {
    this.chosen = name;
    this.render();
  }

  show(runs: readonly TrainingRun[], texts: TrainingTexts = this.texts): void {
    this.texts = texts;
    this.runs = runs.map(({ name, records }) => ({ name, curves: this.curvesOf(records) }));
    this.render();
  }

  /** The curves of records, of which only new ones are read. */
  private curvesOf(records: readonly MetricRecord[]): RunCurves {
    let curves = this.known.get(records);
    if (curves === undefined || curves.count > records.length) curves = new RunCurves();
    for (const record of records.slice(curves.count)) curves.add(record);
    this.known.set(records, curves);
    return curves;
  }

  private render(): void {
    const { runs, texts, parts } = this;
    parts.empty.textContent = runs.some(({ curves }) => curves.count > 0) ? "" : texts.noRecords;
    const metrics = [...new Set(runs.flatMap(({ curves }) => [...curves.validation.keys()]))];
    this.renderLoss();
    this.renderValidation(metrics);
    this.renderRuns(this.rate, ({ learningRate }) => learningRate, texts.rateTitle, texts.rateHelp);
    this.renderRuns(this.norm, ({ gradientNorm }) => gradientNorm, texts.normTitle, texts.normHelp);
    showRollbacks(parts.rollbacks, runs, texts);
    showBest(parts.best, runs, metrics, texts);
    showSamples(parts.sample, runs, texts);
  }

  /** The losses of one run in one picture; the training losses of several. */
  private renderLoss(): void {
    const { runs, texts } = this;
    if (runs.length !== 1) {
      this.renderRuns(this.loss, (curves) => curves.trainingLoss, texts.trainingLossTitle, texts.trainingLossHelp);
      return;
    }
    const { curves } = runs[0]!;
    const validation = curves.validation.get("loss");
    const series = [
      toSeries(texts.trainingLoss, curves.trainingLoss),
      ...(validation ? [toSeries(texts.validationLoss, validation)] : []),
    ];
    this.draw(this.loss, { series, xLabel: texts.updates, yLabel: texts.loss }, texts.lossTitle, texts.lossHelp);
  }

  private renderValidation(metrics: readonly string[]): void {
    const { runs, texts, parts } = this;
    const first = runs.length === 1 ? metrics.find((name) => name !== "loss") : undefined; // its loss is shown above
    const metric = this.chosen !== null && metrics.includes(this.chosen) ? this.chosen : (first ?? metrics[0]);
    parts.choice.hidden = metric === undefined;
    setOptions(
      parts.metric,
      metrics.map((name) => [name, metricText(name, texts)]),
      metric ?? "",
    );
    parts.metricLabel.textContent = texts.metricField;
    const name = metricText(metric ?? "", texts);
    const direction = isHigherBetter(metric ?? "") ? texts.higherIsBetter : texts.lowerIsBetter;
    const title = fill(texts.validationTitle, { metric: name });
    const help = fill(texts.validationHelp, { direction });
    this.renderRuns(this.validation, ({ validation }) => validation.get(metric ?? ""), title, help, name);
  }

  /** A line for each run. */
  private renderRuns(
    figure: Figure,
    curveOf: (curves: RunCurves) => Curve | undefined,
    title: string,
    help: string,
    yLabel = title,
  ): void {
    const series = this.runs.map(({ name, curves }) => toSeries(name, curveOf(curves)));
    const isLogarithmic = figure === this.norm && spansDecade(series);
    this.draw(figure, { series, xLabel: this.texts.updates, yLabel, isLogarithmic }, title, help);
  }

  /** A figure without values is hidden. */
  private draw(figure: Figure, chart: LineChart, title: string, help: string): void {
    figure.element.hidden = chart.series.every(({ values }) => values.length === 0);
    if (!figure.element.hidden) figure.show(drawLines(chart), title, help, this.texts.save);
  }
}

function makeParts() {
  const metric = create("select", {});
  const metricLabel = create("span", {});
  return {
    empty: create("p", { class: "help" }),
    rollbacks: create("div", { role: "status" }),
    choice: create("label", { class: "metric" }, metricLabel, metric),
    metric,
    metricLabel,
    best: create("div", { class: "best wide-table", role: "region", tabindex: "0" }),
    sample: create("section", { class: "sample" }),
  };
}

function toSeries(name: string, curve: Curve | undefined): Series {
  return { name, values: curve?.values ?? [], x: curve?.steps ?? [] };
}

/** Whether positive values differ by more than a factor of ten. */
function spansDecade(series: readonly Series[]): boolean {
  let [least, most] = [Infinity, 0];
  for (const value of series.flatMap(({ values }) => values)) {
    if (value === null || !(value > 0 && value < Infinity)) continue;
    [least, most] = [Math.min(least, value), Math.max(most, value)];
  }
  return most > DECADE * least;
}

function metricText(name: string, texts: TrainingTexts): string {
  return texts[`metric.${name}` as keyof TrainingTexts] ?? name;
}

/** The choices of a list, which stays as it is, and open, if they are the same. */
function setOptions(list: HTMLSelectElement, options: readonly (readonly [string, string])[], chosen: string): void {
  const isSame =
    list.options.length === options.length &&
    options.every(([value, text], i) => list.options[i]!.value === value && list.options[i]!.text === text);
  if (!isSame) list.replaceChildren(...options.map(([value, text]) => create("option", { value }, text)));
  list.value = chosen;
}

function showRollbacks(element: HTMLElement, runs: readonly ShownRun[], texts: TrainingTexts): void {
  const notes = runs.flatMap(({ name, curves }) =>
    curves.rollbacks.map(({ step, text }) => fill(texts.rolledBack, { run: name, step, detail: text })),
  );
  const text = notes.join("\n");
  if (element.dataset["shown"] === text) return;
  element.dataset["shown"] = text;
  element.replaceChildren(...notes.map((note) => create("p", {}, note)));
}

function showBest(
  element: HTMLElement,
  runs: readonly ShownRun[],
  metrics: readonly string[],
  texts: TrainingTexts,
): void {
  element.hidden = metrics.length === 0;
  element.setAttribute("aria-label", texts.bestTitle);
  const head = [texts.run, ...metrics.map((name) => metricText(name, texts))];
  const rows = runs.map(({ name, curves }) => {
    const cells = metrics.map((metric) => {
      const curve = curves.validation.get(metric);
      const best = curve ? bestValue(metric, curve) : null;
      return best ? fill(texts.bestAt, { value: shortNumber(best.value), step: best.step }) : texts.noValue;
    });
    return create("tr", {}, create("th", { scope: "row" }, name), ...cells.map((cell) => create("td", {}, cell)));
  });
  const titles = create("tr", {}, ...head.map((title) => create("th", { scope: "col" }, title)));
  element.replaceChildren(create("table", {}, create("caption", {}, texts.bestTitle), titles, ...rows));
}

/** The last sample of every run. A text that has not changed stays, with what the reader has selected in it. */
function showSamples(element: HTMLElement, runs: readonly ShownRun[], texts: TrainingTexts): void {
  const samples = runs.flatMap(({ name, curves: { sample } }) =>
    sample === null ? [] : [[fill(texts.sampleAt, { run: name, step: sample.step }), sample.text] as const],
  );
  const shown = JSON.stringify([texts.sampleTitle, samples]);
  if (element.dataset["shown"] === shown) return;
  element.dataset["shown"] = shown;
  element.hidden = samples.length === 0;
  element.replaceChildren(
    create("h3", {}, texts.sampleTitle),
    ...samples.flatMap(([title, text]) => [create("p", { class: "help" }, title), create("pre", {}, text)]),
  );
}
