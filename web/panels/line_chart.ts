// Lines over steps: gradients by lag, decisions after every token, a forecast with its interval.

import { scaleLinear, scaleLog } from "d3-scale";
import { area, line } from "d3-shape";

import { palette, type Picture } from "./figure.ts";
import { escapeMarkup } from "./svg.ts";

export interface Series {
  name: string;
  values: readonly (number | null)[];
}

export interface Band {
  low: readonly (number | null)[];
  high: readonly (number | null)[];
}

export interface LineChart {
  series: readonly Series[];
  /** Areas below the lines. */
  bands?: readonly Band[];
  xLabel: string;
  yLabel: string;
  isLogarithmic?: boolean;
  /** The ends of the axis of a linear chart; those of the values if they are missing. */
  yRange?: readonly [number, number];
  /** The labels of the steps; their numbers from 0 if they are missing. */
  xLabels?: readonly string[];
}

const [WIDTH, HEIGHT] = [720, 300];
const MARGIN = { left: 64, right: 150, top: 12, bottom: 44 };
const LINE_HEIGHT = 18;

export function drawLines(chart: LineChart): Picture {
  const colours = palette();
  const { series, bands = [], isLogarithmic = false, xLabels, yRange } = chart;
  const lines = [...series.map(({ values }) => values), ...bands.flatMap(({ low, high }) => [low, high])];
  const isShown = (value: number | null): value is number =>
    value !== null && Number.isFinite(value) && (!isLogarithmic || value > 0);
  const all = lines.flat().filter(isShown);
  const length = Math.max(1, ...lines.map((values) => values.length));
  const x = scaleLinear([0, Math.max(1, length - 1)], [MARGIN.left, WIDTH - MARGIN.right]);
  const [least, most] = yRange ?? [Math.min(...all), Math.max(...all)];
  const range: [number, number] = [HEIGHT - MARGIN.bottom, MARGIN.top];
  const y = isLogarithmic ? scaleLog([least, most], range).nice() : scaleLinear([least, most], range).nice();
  const colour = (i: number) => colours.series[i % colours.series.length]!;
  const path = line<number | null>(
    (_, i) => x(i),
    (value) => y(value!),
  ).defined(isShown);
  const shape = area<number>(
    (i) => x(i),
    () => 0,
  );
  const drawBand = ({ low, high }: Band): string => {
    const steps = low.map((_, i) => i).filter((i) => isShown(low[i]!) && isShown(high[i]!));
    const d = shape.y0((i) => y(low[i]!)).y1((i) => y(high[i]!))(steps);
    return `<path d="${d}" fill="${colour(0)}" opacity="0.2"/>`;
  };
  const yTicks = isLogarithmic ? powersOfTen(y.domain()[0]!, y.domain()[1]!) : y.ticks(5);
  const xTicks = x.ticks(Math.min(8, length)).filter((tick) => Number.isInteger(tick) && tick < length);
  const content = [
    ...yTicks.map(
      (tick) =>
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="${colours.line}" stroke-width="0.5"/>` +
        `<text x="${MARGIN.left - 6}" y="${y(tick)}" dy="0.35em" text-anchor="end" fill="${colours.quiet}">${tickText(tick)}</text>`,
    ),
    ...xTicks.map(
      (tick) =>
        `<text x="${x(tick)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle" fill="${colours.quiet}">${escapeMarkup(xLabels?.[tick] ?? `${tick}`)}</text>`,
    ),
    ...bands.map(drawBand),
    ...series.map(
      ({ values }, i) =>
        `<path d="${path(values) ?? ""}" fill="none" stroke="${colour(i)}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"/>`,
    ),
    ...series.map(
      ({ name }, i) =>
        `<line x1="${WIDTH - MARGIN.right + 10}" x2="${WIDTH - MARGIN.right + 34}" y1="${MARGIN.top + 8 + i * LINE_HEIGHT}" y2="${MARGIN.top + 8 + i * LINE_HEIGHT}" stroke="${colour(i)}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"/>` +
        `<text x="${WIDTH - MARGIN.right + 40}" y="${MARGIN.top + 8 + i * LINE_HEIGHT}" dy="0.35em" fill="${colours.text}">${escapeMarkup(name)}</text>`,
    ),
    `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle" fill="${colours.text}">${escapeMarkup(chart.xLabel)}</text>`,
    `<text transform="translate(14 ${(HEIGHT - MARGIN.bottom + MARGIN.top) / 2}) rotate(-90)" text-anchor="middle" fill="${colours.text}">${escapeMarkup(chart.yLabel)}</text>`,
  ].join("\n");
  return { width: WIDTH, height: Math.max(HEIGHT, MARGIN.top + 16 + series.length * LINE_HEIGHT), content };
}

/** At most about eight powers of ten. */
function powersOfTen(least: number, most: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(least) - 1e-9), Math.floor(Math.log10(most) + 1e-9)];
  const every = Math.max(1, Math.ceil((last - first) / 8));
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => 10 ** (last - i * every));
}

/** Dash patterns distinguish the lines without colours. */
const DASHES = ["none", "7 4", "2 3", "10 3 2 3", "4 4"];

function tickText(value: number): string {
  const magnitude = Math.abs(value);
  return magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)
    ? value.toExponential(0)
    : `${Number(value.toPrecision(4))}`;
}
