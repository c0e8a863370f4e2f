// The numbers of the tokens of a trace, and the figures for which the trace has data.

import { drawTree, type TreeNode } from "../../panels/beam_tree.ts";
import type { Picture } from "../../panels/figure.ts";
import { drawHeatMap, type HeatMap } from "../../panels/heat_map.ts";
import { drawLines, type LineChart } from "../../panels/line_chart.ts";
import type { LayerTrace, NamedArray, Trace } from "../../traces/trace.ts";
import { fill } from "../shared/language.ts";
import type { Texts } from "./texts.ts";

/** Arrays with one number for each token, beside those of the layers. They have no units. */
const TOKEN_ARRAYS = ["attribution", "loss"];
const SHOWN_ROWS = 60; // of a series before its forecast

/** The arrays of a layer that have a number for each token and unit, and the arrays of its tokens. */
export function arrayNames(trace: Trace, layer: LayerTrace): string[] {
  const gates = layer.gates.filter((gate) => !layer.states.includes(gate)); // the gate of a simple network is its h
  const ofUnits = [...layer.states, ...gates.map((gate) => `gate.${gate}`), ...layer.states.map((s) => `d_${s}`)];
  const length = trace.axes[layer.axis]!.length;
  const ofTokens = TOKEN_ARRAYS.filter((name) => {
    const size = trace.arrays[name]?.shape[0];
    if (name === "loss" && layer.axis === "source") return false; // it is the target's
    return size === length || (name === "loss" && size === length - 1);
  });
  return [...ofUnits.filter((name) => name in layer.arrays), ...ofTokens];
}

export function hasUnits(name: string): boolean {
  return !TOKEN_ARRAYS.includes(name);
}

export function arrayText(name: string, texts: Texts): string {
  if (name.startsWith("gate.")) return fill(texts["array.gate"], { name: name.slice("gate.".length) });
  return texts[`array.${name}` as keyof Texts] ?? name;
}

/** One number for each token. Null if a token has none, as the first token of a text has no loss. */
export function tokenValues(trace: Trace, layer: LayerTrace, name: string, unit: number): (number | null)[] {
  const length = trace.axes[layer.axis]!.length;
  if (!hasUnits(name)) {
    const { values } = trace.arrays[name]!;
    return [...Array<null>(length - values.length).fill(null), ...values];
  }
  const { shape, values } = layer.arrays[name]!;
  return Array.from({ length }, (_, t) => values[t * shape[1]! + unit]!);
}

/** The scores of the tokens after, or at, each step of an axis, and the token that is in the text. */
export interface NextTokens {
  logits: NamedArray;
  vocabulary: readonly string[];
  actual(step: number): string | null;
}

export function nextTokens(trace: Trace, axis: string): NextTokens | null {
  const { vocabulary } = trace.axes;
  if (!vocabulary) return null;
  const tokens = trace.axes[axis]!;
  const { logits, log_probabilities: ofTarget } = trace.arrays;
  if (axis === "tokens" && logits) return { logits, vocabulary, actual: (step) => tokens[step + 1] ?? null };
  if (axis === "target" && ofTarget) return { logits: ofTarget, vocabulary, actual: (step) => tokens[step]! };
  return null;
}

/** The tokens that are shown together, from `first` to before `end`. */
export interface Part {
  first: number;
  end: number;
}

const PART = 1000; // tokens

export function partOf(token: number, length: number): Part {
  const first = Math.floor(token / PART) * PART;
  return { first, end: Math.min(first + PART, length) };
}

/** All units of an array over time: a row for each unit. */
export function statesMap(
  trace: Trace,
  layer: LayerTrace,
  name: string,
  part: Part,
  unit: number,
  token: number,
): HeatMap {
  const array = layer.arrays[hasUnits(name) ? name : "h"]!;
  const H = array.shape[1]!;
  const T = part.end - part.first;
  const value = (i: number) => array.values[(part.first + (i % T)) * H + Math.floor(i / T)]!;
  return {
    values: Float64Array.from({ length: T * H }, (_, i) => value(i)),
    rows: H,
    columns: T,
    rowLabels: Array.from({ length: H }, (_, i) => `${i + 1}`),
    columnLabels: trace.axes[layer.axis]!.slice(part.first, part.end),
    isShare: name.startsWith("gate.") && array.values.every((value) => value >= 0 && value <= 1),
    selectedColumn: token - part.first,
    selectedRow: unit,
  };
}

/** A figure that does not change with the selected unit. */
export interface TraceFigure {
  name: string;
  title: keyof Texts;
  help: keyof Texts;
  draw(texts: Texts): Picture;
}

export function traceFigures(trace: Trace): TraceFigure[] {
  const figures: TraceFigure[] = [];
  const { attention, probabilities, after_each: afterEach, median } = trace.arrays;
  if (attention) {
    const map = matrix(attention, trace.axes["target"]!, trace.axes["source"]!);
    figures.push({
      ...{ name: "attention", title: "attentionTitle", help: "attentionHelp" },
      draw: () => drawHeatMap(map),
    });
  }
  const tree = trace.facts["tree"] as TreeNode[] | undefined;
  if (tree) {
    figures.push({ ...{ name: "beam", title: "treeTitle", help: "treeHelp" }, draw: () => drawTree(tree) });
  }
  if (trace.task === "tag" && probabilities) {
    const map = lattice(trace, probabilities);
    figures.push({ ...{ name: "tags", title: "latticeTitle", help: "latticeHelp" }, draw: () => drawHeatMap(map) });
  }
  if (afterEach) {
    const chart = (texts: Texts) => labelLines(trace, afterEach, texts);
    figures.push({
      ...{ name: "labels", title: "labelsTitle", help: "labelsHelp" },
      draw: (texts) => drawLines(chart(texts)),
    });
  }
  if (trace.layers.some(({ arrays }) => (arrays["norm_by_lag"]?.values.length ?? 0) > 1)) {
    figures.push({
      ...{ name: "gradient-by-lag", title: "lagTitle", help: "lagHelp" },
      draw: (texts) => drawLines(lagLines(trace, texts)),
    });
  }
  if (median) {
    figures.push({
      ...{ name: "forecast", title: "forecastTitle", help: "forecastHelp" },
      draw: (texts) => drawLines(forecastLines(trace, texts)),
    });
  }
  return figures;
}

function matrix({ shape, values }: NamedArray, rowLabels: string[], columnLabels: string[]): HeatMap {
  return { values, rows: shape[0]!, columns: shape[1]!, rowLabels, columnLabels, isShare: true };
}

function lattice(trace: Trace, { shape, values }: NamedArray): HeatMap {
  const [T, C] = shape as [number, number];
  const labels = trace.facts["labels"] as string[];
  const decisions = trace.facts["decisions"] as string[];
  return {
    values: Float64Array.from({ length: T * C }, (_, i) => values[(i % T) * C + Math.floor(i / T)]!),
    rows: C,
    columns: T,
    rowLabels: labels,
    columnLabels: trace.axes["tokens"]!,
    isShare: true,
    framed: decisions.map((label, column) => ({ row: labels.indexOf(label), column })),
  };
}

const SHOWN_LABELS = 8;

function labelLines(trace: Trace, { shape, values }: NamedArray, texts: Texts): LineChart {
  const [steps, C] = shape as [number, number];
  const labels = trace.facts["labels"] as string[];
  const last = (label: number) => values[(steps - 1) * C + label]!;
  const shown = [...labels.keys()].sort((a, b) => last(b) - last(a)).slice(0, SHOWN_LABELS);
  return {
    series: shown.map((label) => ({
      name: labels[label]!,
      values: Array.from({ length: steps }, (_, t) => Math.exp(values[t * C + label]!)), // it has log probabilities
    })),
    xLabel: texts.labelsX,
    yLabel: texts.probability,
  };
}

function lagLines(trace: Trace, texts: Texts): LineChart {
  const layers = trace.layers.filter(({ arrays }) => "norm_by_lag" in arrays);
  return {
    series: layers.map((layer) => ({
      name: layer.direction === "forward" ? layer.name : `${layer.name} ←`,
      values: [...layer.arrays["norm_by_lag"]!.values],
    })),
    xLabel: texts.lagX,
    yLabel: texts.lagY,
    isLogarithmic: true,
  };
}

/** The dates of a forecast, or the numbers of its rows. */
function futureLabels(trace: Trace, rows: number, horizon: number): string[] {
  const dates = trace.facts["dates"] as string[];
  return dates.length ? dates : Array.from({ length: horizon }, (_, step) => `${rows + step}`);
}

/** The first target, which is the first column: its last rows, the median, and the outermost quantiles. */
function forecastLines(trace: Trace, texts: Texts): LineChart {
  const { values, median, quantiles } = trace.arrays as Record<string, NamedArray>;
  const targets = trace.facts["targets"] as string[];
  const [rows, columns] = values!.shape as [number, number];
  const shown = Math.min(rows, SHOWN_ROWS);
  const past = Array.from({ length: shown }, (_, i) => values!.values[(rows - shown + i) * columns]!);
  const [horizon, count] = median!.shape as [number, number];
  const empty = Array<null>(shown - 1).fill(null);
  const future = (of: (step: number) => number) => [
    ...empty,
    past.at(-1)!,
    ...Array.from({ length: horizon }, (_, i) => of(i)),
  ];
  const levels = quantiles!.shape[2]!;
  const quantile = (level: number) => future((step) => quantiles!.values[step * count * levels + level]!);
  return {
    series: [
      { name: texts.forecastMedian, values: future((step) => median!.values[step * count]!) },
      { name: texts.forecastSeries, values: past },
    ],
    bands: [{ low: quantile(0), high: quantile(levels - 1) }],
    xLabel: texts.row,
    yLabel: targets[0]!,
    xLabels: [...trace.axes["rows"]!.slice(rows - shown), ...futureLabels(trace, rows, horizon)],
  };
}
