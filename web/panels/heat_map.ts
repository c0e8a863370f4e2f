// A matrix as colours: states and gates over time, attention, the probabilities of tags.

import { palette, type Picture } from "./figure.ts";
import { escapeMarkup } from "./svg.ts";
import { visible } from "./tokens.ts";

export interface HeatMap {
  /** values[row * columns + column] */
  values: ArrayLike<number>;
  rows: number;
  columns: number;
  rowLabels: readonly string[];
  columnLabels: readonly string[];
  /** Values from 0 to 1 have one colour; the others have two, for both signs, up to the largest magnitude. */
  isShare: boolean;
  /** The space for the labels of the rows, in pixels. */
  labelWidth?: number;
  selectedColumn?: number;
  selectedRow?: number;
  /** Cells that are framed: the tags of the best path. */
  framed?: readonly { row: number; column: number }[];
}

const LABEL_WIDTH = 90; // if the map gives none
const LABEL_HEIGHT = 26;
const MAX_WIDTH = 900;
const ROW_LABEL_SPACE = 11;
const CHARACTER_WIDTH = 7;
const LONG_LABEL = 8; // characters
const NARROW = 3; // pixels of a column, below which single labels say nothing

/** The picture, and the cell at a place in it. */
export function drawHeatMap(
  map: HeatMap,
): Picture & { cellAt(x: number, y: number): { row: number; column: number } | null } {
  const { rows, columns, labelWidth = LABEL_WIDTH } = map;
  const cellWidth = Math.min(32, Math.max(2, (MAX_WIDTH - labelWidth) / columns));
  const cellHeight = rows <= 30 ? 20 : Math.max(2, Math.min(20, 400 / rows));
  const [width, height] = [labelWidth + cellWidth * columns + 8, LABEL_HEIGHT + cellHeight * rows + 8];
  const colours = palette();
  const place = (row: number, column: number) => {
    const [x, y] = [labelWidth + column * cellWidth, LABEL_HEIGHT + row * cellHeight];
    return `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`;
  };
  const frames = (map.framed ?? []).map(({ row, column }) => {
    return `<rect ${place(row, column)} width="${cellWidth}" height="${cellHeight}" fill="none" stroke="${colours.text}" stroke-width="2"/>`;
  });
  if (map.selectedColumn !== undefined) {
    frames.push(
      `<rect ${place(0, map.selectedColumn)} width="${cellWidth}" height="${cellHeight * rows}" fill="none" stroke="${colours.text}"/>`,
    );
  }
  if (map.selectedRow !== undefined) {
    frames.push(
      `<rect ${place(map.selectedRow, 0)} width="${cellWidth * columns}" height="${cellHeight}" fill="none" stroke="${colours.text}"/>`,
    );
  }
  const every = columnsPerLabel(map.columnLabels, cellWidth);
  const content = [
    `<image x="${labelWidth}" y="${LABEL_HEIGHT}" width="${cellWidth * columns}" height="${cellHeight * rows}" preserveAspectRatio="none" style="image-rendering: pixelated" href="${pixels(map)}"/>`,
    ...spaced(map.rowLabels, Math.ceil(ROW_LABEL_SPACE / cellHeight)).map(
      ([label, row]) =>
        `<text x="${labelWidth - 6}" y="${LABEL_HEIGHT + (row + 0.5) * cellHeight}" dy="0.35em" text-anchor="end" fill="${colours.quiet}">${escapeMarkup(shortened(label, 13))}</text>`,
    ),
    ...(cellWidth < NARROW ? [] : spaced(map.columnLabels, every)).map(
      ([label, column]) =>
        `<text x="${labelWidth + (column + 0.5) * cellWidth}" y="${LABEL_HEIGHT - 8}" text-anchor="middle" fill="${colours.quiet}">${escapeMarkup(shortened(label, Math.floor((cellWidth * every) / CHARACTER_WIDTH)))}</text>`,
    ),
    ...frames,
  ].join("\n");
  const cellAt = (x: number, y: number) => {
    const [row, column] = [Math.floor((y - LABEL_HEIGHT) / cellHeight), Math.floor((x - labelWidth) / cellWidth)];
    return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
  };
  return { width, height, content, cellAt };
}

/** How many columns share one label. Long labels are cut off rather than left out where a column is wide. */
function columnsPerLabel(labels: readonly string[], cellWidth: number): number {
  const longest = labels.reduce((most, label) => Math.max(most, [...label].length), 1);
  const labelWidth = cellWidth >= 24 ? 1 : Math.min(longest, LONG_LABEL) * CHARACTER_WIDTH + 4;
  return Math.max(1, Math.ceil(labelWidth / cellWidth));
}

/** Every n-th label, with its place. */
function spaced(labels: readonly string[], every: number): [string, number][] {
  return labels.map((label, i): [string, number] => [visible(label), i]).filter(([, i]) => i % every === 0);
}

function shortened(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

/** The values as an image, a pixel a cell. */
function pixels({ values, rows, columns, isShare }: HeatMap): string {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(columns, rows);
  const colours = palette();
  const [ground, positive, negative] = [colours.ground, colours.positive, colours.negative].map(components);
  const largest = isShare ? 1 : largestMagnitude(Array.from(values));
  for (let i = 0; i < rows * columns; ++i) {
    const value = Math.max(-1, Math.min(1, values[i]! / largest)) || 0;
    const colour = value < 0 ? negative! : positive!;
    for (let k = 0; k < 3; ++k) image.data[4 * i + k] = ground![k]! + (colour[k]! - ground![k]!) * Math.abs(value);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** The largest absolute value of those that are finite, which is not 0. */
export function largestMagnitude(values: readonly (number | null)[]): number {
  const magnitudes = values.map((value) => Math.abs(value ?? 0)).filter(Number.isFinite);
  return magnitudes.reduce((most, value) => Math.max(most, value), 1e-12);
}

/** The red, green and blue of "#rrggbb". */
function components(colour: string): number[] {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}
