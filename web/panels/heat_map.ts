// A matrix as colours: states and gates over time, attention, the probabilities of tags.

import { palette, type Picture } from "./figure.ts";
import { cutEnd, textWidth } from "./labels.ts";
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
  /** The size of a cell, with a line around it; one that fits the picture if it is missing. */
  cell?: { width: number; height: number };
  /** A text for each cell of a given size, in the order of the values. */
  cellTexts?: readonly string[];
  /** Column labels stand on end, so that all of them have a place. */
  hasSteepLabels?: boolean;
  /** Names of the columns and of the rows, for the corner. */
  corner?: readonly [string, string];
}

const LABEL_WIDTH = 90; // if the map gives none
const LABEL_HEIGHT = 26;
const MAX_WIDTH = 900;
const ROW_LABEL_SPACE = 11;
const CHARACTER_WIDTH = 7;
const LONG_LABEL = 8; // characters
const STEEP = { angle: 60, letters: 14, letter: 8.4, rowLabels: 118 }; // degrees; characters; pixels
const DARK_SHARE = 0.55; // the share above which a cell is dark
const NARROW = 3; // pixels of a column, below which single labels say nothing

/** The picture, and the cell at a place in it. */
export function drawHeatMap(
  map: HeatMap,
): Picture & { cellAt(x: number, y: number): { row: number; column: number } | null } {
  const { rows, columns } = map;
  const cellWidth =
    map.cell?.width ?? Math.min(32, Math.max(2, (MAX_WIDTH - (map.labelWidth ?? LABEL_WIDTH)) / columns));
  const cellHeight = map.cell?.height ?? (rows <= 30 ? 20 : Math.max(2, Math.min(20, 400 / rows)));
  const { labelWidth, labelHeight, right } = labelSpace(map);
  const width = labelWidth + cellWidth * columns + right;
  const height = labelHeight + cellHeight * rows + 8;
  const colours = palette();
  const content = [
    `<image x="${labelWidth}" y="${labelHeight}" width="${cellWidth * columns}" height="${cellHeight * rows}" preserveAspectRatio="none" style="image-rendering: pixelated" href="${pixels(map)}"/>`,
    ...(map.cell ? drawGrid(map, map.cell, labelWidth, labelHeight) : []),
    ...spaced(map.rowLabels, Math.ceil(ROW_LABEL_SPACE / cellHeight)).map(
      ([label, row]) =>
        `<text x="${labelWidth - 6}" y="${labelHeight + (row + 0.5) * cellHeight}" dy="0.35em" text-anchor="end" fill="${colours.quiet}">${escapeMarkup(cutEnd(label, 13))}</text>`,
    ),
    ...drawColumnLabels(map, cellWidth, labelWidth, labelHeight),
    ...(map.corner ?? []).map(
      (text, i) =>
        `<text x="${labelWidth - 6}" y="${labelHeight - 24 + 16 * i}" text-anchor="end" fill="${colours.text}">${escapeMarkup(text)}</text>`,
    ),
    ...drawFrames(map, { width: cellWidth, height: cellHeight }, labelWidth, labelHeight),
  ].join("\n");
  const cellAt = (x: number, y: number) => {
    const [row, column] = [Math.floor((y - labelHeight) / cellHeight), Math.floor((x - labelWidth) / cellWidth)];
    return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
  };
  return { width, height, content, cellAt };
}

/** The pixels to the left of, above and to the right of the cells. */
function labelSpace({ columnLabels, hasSteepLabels, labelWidth = LABEL_WIDTH }: HeatMap) {
  if (!hasSteepLabels) return { labelWidth, labelHeight: LABEL_HEIGHT, right: 8 };
  const longest = columnLabels.reduce((most, label) => Math.max(most, textWidth(visible(label))), 5);
  const length = Math.min(longest, STEEP.letters) * STEEP.letter;
  const angle = (STEEP.angle * Math.PI) / 180;
  return {
    labelWidth: STEEP.rowLabels,
    labelHeight: Math.round(length * Math.sin(angle)) + 20,
    right: Math.round(length * Math.cos(angle)) + 8,
  };
}

function drawColumnLabels(
  { columnLabels, hasSteepLabels }: HeatMap,
  cellWidth: number,
  labelWidth: number,
  labelHeight: number,
): string[] {
  if (cellWidth < NARROW) return [];
  const every = hasSteepLabels ? Math.ceil(ROW_LABEL_SPACE / cellWidth) : columnsPerLabel(columnLabels, cellWidth);
  const letters = hasSteepLabels ? STEEP.letters : Math.floor((cellWidth * every) / CHARACTER_WIDTH);
  return spaced(columnLabels, every).map(([label, column]) => {
    const [x, y] = [labelWidth + (column + 0.5) * cellWidth, labelHeight - 8];
    const place = hasSteepLabels
      ? `transform="translate(${x} ${y}) rotate(-${STEEP.angle})"`
      : `x="${x}" y="${y}" text-anchor="middle"`;
    return `<text ${place} fill="${palette().quiet}">${escapeMarkup(cutEnd(label, letters))}</text>`;
  });
}

/** Frames around single cells, and around the selected column and row. */
function drawFrames(
  { rows, columns, framed = [], selectedColumn, selectedRow }: HeatMap,
  cell: { width: number; height: number },
  left: number,
  top: number,
): string[] {
  const { text } = palette();
  const frame = (row: number, column: number, height: number, width: number, stroke = "") => {
    const [x, y] = [left + column * cell.width, top + row * cell.height];
    const size = `width="${width * cell.width}" height="${height * cell.height}"`;
    return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${size} fill="none" stroke="${text}"${stroke}/>`;
  };
  return [
    ...framed.map(({ row, column }) => frame(row, column, 1, 1, ' stroke-width="2"')),
    ...(selectedColumn === undefined ? [] : [frame(0, selectedColumn, rows, 1)]),
    ...(selectedRow === undefined ? [] : [frame(selectedRow, 0, 1, columns)]),
  ];
}

/** Lines around the cells, and their texts. */
function drawGrid(
  { rows, columns, values, cellTexts }: HeatMap,
  cell: { width: number; height: number },
  left: number,
  top: number,
): string[] {
  const { ground, text, line } = palette();
  const [right, bottom] = [left + columns * cell.width, top + rows * cell.height];
  const x = (column: number) => left + column * cell.width;
  const y = (row: number) => top + row * cell.height;
  const vertical = Array.from({ length: columns + 1 }, (_, i) => `M${x(i)},${top}V${bottom}`);
  const horizontal = Array.from({ length: rows + 1 }, (_, i) => `M${left},${y(i)}H${right}`);
  const lines = `<path d="${[...vertical, ...horizontal].join("")}" stroke="${line}" stroke-width="0.5"/>`;
  const texts = (cellTexts ?? []).map((written, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const colour = Math.abs(values[i]!) > DARK_SHARE ? ground : text;
    return `<text x="${x(column + 0.5)}" y="${y(row + 0.5)}" dy="0.35em" text-anchor="middle" fill="${colour}">${escapeMarkup(written)}</text>`;
  });
  return [lines, ...texts];
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
