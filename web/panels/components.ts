// The states of a layer in two principal components: the path that the network takes through its states.

import { scaleLinear } from "d3-scale";

import { palette, type Picture } from "./figure.ts";
import { escapeMarkup } from "./svg.ts";
import { visible } from "./tokens.ts";

export interface Components {
  /** (T, 2): the coordinates of each step. */
  points: [number, number][];
  /** The share of the variance of each component. */
  shares: [number, number];
}

const ITERATIONS = 300;
const LEAST_SHARE = 1e-12; // of the variance: less is rounding

/** The two first principal components of values (T, H) (Pearson, 1901), by power iteration. NaN and infinity count as 0. */
export function principalComponents(values: ArrayLike<number>, T: number): Components {
  const H = values.length / T;
  const numbers = Array.from(values, (value) => (Number.isFinite(value) ? value : 0));
  const means = Array.from({ length: H }, (_, j) => mean(T, (t) => numbers[t * H + j]!));
  const rows = Array.from({ length: T }, (_, t) => means.map((m, j) => numbers[t * H + j]! - m));
  const total = rows.reduce((sum, row) => sum + dot(row, row), 0);
  const axes: number[][] = [];
  for (let k = 0; k < 2; ++k) axes.push(largestAxis(rows, H, axes, total));
  const points = rows.map((row): [number, number] => [dot(row, axes[0]!), dot(row, axes[1]!)]);
  const share = (k: 0 | 1) => (total > 0 ? points.reduce((sum, point) => sum + point[k] ** 2, 0) / total : 0);
  return { points, shares: [share(0), share(1)] };
}

/** The direction of the largest variance that is orthogonal to the axes before it. */
function largestAxis(rows: number[][], H: number, before: readonly number[][], total: number): number[] {
  let axis = normalized(Array.from({ length: H }, (_, j) => 1 + ((j * 7919) % 101) / 101)); // along no axis
  for (let i = 0; i < ITERATIONS; ++i) {
    const next = Array<number>(H).fill(0);
    for (const row of rows) {
      const along = dot(row, axis);
      for (let j = 0; j < H; ++j) next[j]! += along * row[j]!;
    }
    for (const other of before) {
      const along = dot(next, other);
      for (let j = 0; j < H; ++j) next[j]! -= along * other[j]!;
    }
    if (!(Math.sqrt(dot(next, next)) > LEAST_SHARE * total)) return Array<number>(H).fill(0); // no variance is left
    axis = normalized(next);
  }
  return axis;
}

function mean(count: number, value: (i: number) => number): number {
  return Array.from({ length: count }, (_, i) => value(i)).reduce((sum, x) => sum + x, 0) / count;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function normalized(vector: number[]): number[] {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / length);
}

const [WIDTH, HEIGHT, MARGIN] = [640, 420, 44];
const MAX_LABELS = 120;

/** The path with the token of each step; `selected` is marked. */
export function drawComponents(components: Components, labels: readonly string[], selected: number): Picture {
  const colours = palette();
  const { points, shares } = components;
  const scale = (k: 0 | 1, range: [number, number]) => {
    const values = points.map((point) => point[k]);
    return scaleLinear([Math.min(...values), Math.max(...values)], range).nice();
  };
  const [x, y] = [scale(0, [MARGIN, WIDTH - MARGIN]), scale(1, [HEIGHT - MARGIN, MARGIN])];
  const place = ([a, b]: [number, number]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`;
  const every = Math.ceil(points.length / MAX_LABELS);
  const texts = points.map((point, i) => {
    if (i % every && i !== selected) return "";
    const style =
      i === selected ? `fill="${colours.accent}" font-weight="700" font-size="16"` : `fill="${colours.text}"`;
    return `<text x="${x(point[0]).toFixed(1)}" y="${y(point[1]).toFixed(1)}" dy="0.35em" text-anchor="middle" ${style}>${escapeMarkup(visible(labels[i]!))}</text>`;
  });
  const axisLabel = (k: 0 | 1) => `${k + 1}: ${(100 * shares[k]).toFixed(0)} %`;
  const content = [
    `<polyline points="${points.map(place).join(" ")}" fill="none" stroke="${colours.line}"/>`,
    ...texts,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle" fill="${colours.quiet}">${axisLabel(0)}</text>`,
    `<text transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle" fill="${colours.quiet}">${axisLabel(1)}</text>`,
  ].join("\n");
  return { width: WIDTH, height: HEIGHT, content };
}
