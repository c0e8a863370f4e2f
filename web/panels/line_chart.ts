// Lines over steps: losses of a training, gradients by lag, decisions after every token, a forecast with its interval.

import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import { area, line } from "d3-shape";

import { palette, type Picture } from "./figure.ts";
import { cutEnd, cutMiddle, textWidth } from "./labels.ts";
import { escapeMarkup } from "./svg.ts";
import { thinned } from "./thinning.ts";
import { visible } from "./tokens.ts";

export interface Series {
  name: string;
  /** Null, NaN and infinity are gaps. */
  values: readonly (number | null)[];
  /** The place of each value on the axis, in ascending order; 0, 1, 2, ... if it is missing. */
  x?: readonly number[];
  /** Which colour and which dashes the line has, for lines that belong together; if missing, no two are the same. */
  style?: { colour: number; dashes: number };
}

export interface Band {
  low: readonly (number | null)[];
  high: readonly (number | null)[];
}

export interface LineChart {
  series: readonly Series[];
  /** Areas below the lines, whose values are at 0, 1, 2, ... */
  bands?: readonly Band[];
  xLabel: string;
  yLabel: string;
  isLogarithmic?: boolean;
  /** The labels of the steps; their numbers if they are missing. */
  xLabels?: readonly string[];
  /** Steps are tokens: as many have a label as there is space for, and not only round numbers. */
  hasTokens?: boolean;
  /** A step that a line from top to bottom marks. */
  selected?: number;
  /** The values that the y axis shows at least. */
  yRange?: readonly [number, number];
}

type Scale = ScaleContinuousNumeric<number, number>;

const [WIDTH, HEIGHT] = [720, 300];
const MARGIN = { left: 64, top: 12, bottom: 44 };
const LINE_HEIGHT = 18;
const LEGEND = { gap: 10, key: 24, space: 6, least: 60, most: 200 }; // pixels
const LETTER = 6.6; // pixels of a letter; other characters may be twice as wide
const POINT = 2.5; // radius of a value between gaps
const TOKEN_LETTERS = 8; // of the label of a token

/** Dash patterns distinguish the lines without colours. */
const DASHES = ["none", "7 4", "2 3", "10 3 2 3", "4 4"];

/** The picture, and the step that is nearest to a place in it. */
export function drawLines(chart: LineChart): Picture & { stepAt(x: number): number } {
  const { series, bands = [], isLogarithmic = false } = chart;
  const isShown = (value: number | null | undefined): value is number =>
    Number.isFinite(value) && (!isLogarithmic || value! > 0);
  const legend = Math.min(
    LEGEND.most,
    Math.max(LEGEND.least, ...series.map(({ name }) => textWidth(visible(name)) * LETTER)),
  );
  const right = WIDTH - legend - LEGEND.gap - LEGEND.key - LEGEND.space - 4;
  const x = scaleLinear(extent(chart), [MARGIN.left, right]);
  const y = verticalScale(chart, isShown);
  const content = [
    ...drawAxes(chart, x, y, right),
    ...drawSelected(chart, x),
    ...bands.map((band) => drawBand(band, x, y, isShown)),
    ...series.map((one, i) => drawSeries(one, styleOf(one, i), x, y, isShown)),
    ...series.map((one, i) => drawKey(one, i, right + LEGEND.gap, legend)),
  ].join("\n");
  const height = Math.max(HEIGHT, MARGIN.top + 16 + series.length * LINE_HEIGHT);
  const [first, last] = x.domain() as [number, number];
  const stepAt = (pixel: number) => Math.min(Math.max(Math.round(x.invert(pixel)), first), last);
  return { width: WIDTH, height, content, stepAt };
}

/** The first and the last place on the axis. */
function extent({ series, bands = [] }: LineChart): [number, number] {
  let [first, last] = [Infinity, -Infinity];
  for (const { values, x } of series) {
    if (values.length === 0) continue;
    first = Math.min(first, x?.[0] ?? 0);
    last = Math.max(last, x?.[values.length - 1] ?? values.length - 1);
  }
  for (const { low } of bands) [first, last] = [Math.min(first, 0), Math.max(last, low.length - 1)];
  if (!Number.isFinite(first)) return [0, 1];
  return [first, Math.max(last, first + 1)];
}

function verticalScale(
  { series, bands = [], isLogarithmic, yRange = [Infinity, -Infinity] }: LineChart,
  isShown: (v: number | null) => boolean,
): Scale {
  let [least, most] = yRange;
  for (const values of [...series.map(({ values }) => values), ...bands.flatMap(({ low, high }) => [low, high])]) {
    for (const value of values) {
      if (!isShown(value)) continue;
      if (value! < least) least = value!;
      if (value! > most) most = value!;
    }
  }
  const domain = least > most ? [0.1, 1] : [least, most]; // nothing to show
  const range = [HEIGHT - MARGIN.bottom, MARGIN.top];
  return isLogarithmic ? scaleLog(domain, range).nice() : scaleLinear(domain, range).nice();
}

function drawAxes(chart: LineChart, x: Scale, y: Scale, right: number): string[] {
  const { xLabel, yLabel, xLabels, isLogarithmic, hasTokens } = chart;
  const colours = palette();
  const yTicks = isLogarithmic ? powersOfTen(y.domain()[0]!, y.domain()[1]!) : y.ticks(5);
  const label = (tick: number) => {
    const text = xLabels?.[tick] ?? `${tick}`;
    return hasTokens ? cutEnd(visible(text), TOKEN_LETTERS) : text;
  };
  return [
    ...yTicks.map(
      (tick) =>
        `<line x1="${MARGIN.left}" x2="${right}" y1="${y(tick)}" y2="${y(tick)}" stroke="${colours.line}" stroke-width="0.5"/>` +
        `<text x="${MARGIN.left - 6}" y="${y(tick)}" dy="0.35em" text-anchor="end" fill="${colours.quiet}">${tickText(tick)}</text>`,
    ),
    ...(hasTokens ? tokenTicks(x, label, xLabels?.length ?? 0) : roundTicks(x)).map(
      (tick) =>
        `<text x="${x(tick)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle" fill="${colours.quiet}">${escapeMarkup(label(tick))}</text>`,
    ),
    `<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle" fill="${colours.text}">${escapeMarkup(xLabel)}</text>`,
    `<text transform="translate(14 ${(HEIGHT - MARGIN.bottom + MARGIN.top) / 2}) rotate(-90)" text-anchor="middle" fill="${colours.text}">${escapeMarkup(yLabel)}</text>`,
  ];
}

function roundTicks(x: Scale): number[] {
  const [first, last] = x.domain() as [number, number];
  return x.ticks(Math.min(8, last - first + 1)).filter((tick) => Number.isInteger(tick));
}

/** Every n-th step of `tokens` steps, so that no label covers another one. The axis of one token goes on to a second step. */
function tokenTicks(x: Scale, label: (tick: number) => string, tokens: number): number[] {
  const first = x.domain()[0]!;
  const steps = Array.from({ length: Math.max(0, tokens - first) }, (_, i) => first + i);
  const widest = steps.reduce((most, step) => Math.max(most, textWidth(label(step))), 1);
  const every = Math.max(1, Math.ceil(((widest + 1) * LETTER) / (x(first + 1) - x(first))));
  return steps.filter((step) => (step - first) % every === 0);
}

function drawSelected({ selected }: LineChart, x: Scale): string[] {
  if (selected === undefined) return [];
  const place = x(selected);
  return [
    `<line x1="${place}" x2="${place}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" stroke="${palette().text}" stroke-width="1"/>`,
  ];
}

function drawBand({ low, high }: Band, x: Scale, y: Scale, isShown: (v: number | null) => boolean): string {
  const steps = low.map((_, i) => i).filter((i) => isShown(low[i]!) && isShown(high[i]!));
  const shape = area<number>()
    .x((i) => x(i))
    .y0((i) => y(low[i]!))
    .y1((i) => y(high[i]!));
  return `<path d="${shape(steps)}" fill="${palette().series[0]}" opacity="0.2"/>`;
}

/** A line through the values, and a point for each value between two gaps. */
function drawSeries(
  { values, x: places }: Series,
  style: Style,
  x: Scale,
  y: Scale,
  isShown: (v: number | null) => boolean,
): string {
  const xOf = (i: number) => x(places?.[i] ?? i);
  const [left, right] = x.range() as [number, number];
  const remaining = thinned(values, (i) => Math.floor(xOf(i)), Math.ceil(right - left));
  const path = line<number>(xOf, (i) => y(values[i]!)).defined((i) => isShown(values[i]!));
  const isShownAt = (k: number) => k >= 0 && k < remaining.length && isShown(values[remaining[k]!]!);
  const alone = remaining.filter((_, k) => isShownAt(k) && !isShownAt(k - 1) && !isShownAt(k + 1));
  const points = alone.map((i) => `<circle cx="${xOf(i)}" cy="${y(values[i]!)}" r="${POINT}" fill="${style.colour}"/>`);
  return `<path d="${path(remaining) ?? ""}" ${stroke(style)} fill="none"/>${points.join("")}`;
}

function drawKey(series: Series, place: number, left: number, space: number): string {
  const y = MARGIN.top + 8 + place * LINE_HEIGHT;
  const text = cutMiddle(visible(series.name), space / LETTER + 0.01);
  return (
    `<line x1="${left}" x2="${left + LEGEND.key}" y1="${y}" y2="${y}" ${stroke(styleOf(series, place))}/>` +
    `<text x="${left + LEGEND.key + LEGEND.space}" y="${y}" dy="0.35em" fill="${palette().text}">${escapeMarkup(text)}</text>`
  );
}

interface Style {
  colour: string;
  dashes: string;
}

/** Colour and dashes of a line. If it has none of its own, they are those of its place: no two of 25 lines are the same. */
function styleOf({ style }: Series, place: number): Style {
  const { series: colours } = palette();
  const { colour, dashes } = style ?? { colour: place, dashes: place + Math.floor(place / colours.length) };
  return { colour: colours[colour % colours.length]!, dashes: DASHES[dashes % DASHES.length]! };
}

function stroke({ colour, dashes }: Style): string {
  return `stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}"`;
}

/** At most about eight powers of ten. */
function powersOfTen(least: number, most: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(least) - 1e-9), Math.floor(Math.log10(most) + 1e-9)];
  const every = Math.max(1, Math.ceil((last - first) / 8));
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => 10 ** (last - i * every));
}

function tickText(value: number): string {
  const magnitude = Math.abs(value);
  return magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)
    ? value.toExponential(0)
    : `${Number(value.toPrecision(4))}`;
}
