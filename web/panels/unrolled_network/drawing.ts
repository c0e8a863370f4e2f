// The unrolled network as SVG: the nodes with their numbers, and the lines along which numbers become others.

import { operandsOf } from "./derivations.ts";
import { shortNumber } from "../numbers.ts";
import { escapeMarkup } from "../svg.ts";
import { DERIVATIVE_HEIGHT, LABEL_CENTRE, type Layout, NODE_WIDTH, type Node, VALUE_HEIGHT } from "./layout.ts";
import {
  derivative,
  isDerivative,
  key,
  type NetworkNumber,
  type NetworkNumbers,
  withoutDerivative,
} from "./numbers.ts";

/** The options of a drawing. */
export interface View {
  selected: NetworkNumber;
  /** The keys of the numbers that the selected one is computed from. */
  used: ReadonlySet<string>;
  showDerivatives: boolean;
  /** Whether a number is computed by now; the others are hidden. */
  isComputed(number: NetworkNumber): boolean;
  /** The label of a number for screen readers. */
  describe(number: NetworkNumber): string;
  /** The title of the column of a step; 0 is the initial state. */
  columnTitle(step: number): string;
}

const HIDDEN = "·";

/** Lines from numbers to those that are computed from them, as pairs of keys of nodes. */
function connections(network: NetworkNumbers, layout: Layout): [from: Node, to: Node][] {
  const lines: [Node, Node][] = [];
  for (const to of layout.nodes.values()) {
    for (const operand of operandsOf(network, to.number)) {
      const from = layout.nodes.get(key(operand));
      if (from) lines.push([from, to]);
    }
  }
  return lines;
}

/** SVG markup, without the element <svg> itself. */
export function draw(network: NetworkNumbers, layout: Layout, view: View): string {
  const lines = connections(network, layout).map(([from, to]) => line(from, to, layout, view));
  const nodes = [...layout.nodes.values()].map((node) => drawNode(network, layout, view, node));
  const labels = layout.rows.map(
    ({ name, y }) => `<text class="label" x="${LABEL_CENTRE}" y="${y}" dy="0.35em">${rowLetter(name)}</text>`,
  );
  const titles = layout.columns.map(
    ({ step, x }) =>
      `<text class="label" x="${x}" y="${layout.height - 8}">${escapeMarkup(view.columnTitle(step))}</text>`,
  );
  lines.sort((a, b) => Number(a.includes("used")) - Number(b.includes("used"))); // on top of the others
  return [...lines, ...labels, ...titles, ...nodes].join("\n");
}

/** The letter of a row. */
export function rowLetter(row: string): string {
  return { sum: "s", loss: "ℓ" }[row] ?? row.replace("gate.", "");
}

/** A line is marked when the selected number is computed along it: forward for a value, backward for a derivative. */
function line(from: Node, to: Node, layout: Layout, view: View): string {
  const { selected, used } = view;
  const isBackward = isDerivative(selected);
  const node = key(isBackward ? withoutDerivative(selected) : selected);
  const isUsed = isBackward
    ? node === key(from.number) && used.has(key(derivative(to.number)))
    : node === key(to.number) && used.has(key(from.number));
  const half = layout.nodeHeight / 2;
  const isBeside = from.y === to.y;
  const [x1, y1] = isBeside ? [from.x + NODE_WIDTH / 2, from.y] : [from.x, from.y + (from.y > to.y ? -half : half)];
  const [x2, y2] = isBeside ? [to.x - NODE_WIDTH / 2, to.y] : [to.x, to.y + (from.y > to.y ? half : -half)];
  return `<line class="${isUsed ? "line used" : "line"}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

function drawNode(network: NetworkNumbers, layout: Layout, view: View, { number, x, y }: Node): string {
  const top = y - layout.nodeHeight / 2;
  const value = drawNumber(network, view, number, x, top, VALUE_HEIGHT);
  const d = derivative(number);
  if (!view.showDerivatives) return value;
  const below = top + VALUE_HEIGHT;
  if (!network.has(d)) return value + emptyBox(x, below);
  return value + drawNumber(network, view, d, x, below, DERIVATIVE_HEIGHT);
}

/** The loss has no derivative. */
function emptyBox(x: number, top: number): string {
  return `<rect class="box derivative" x="${x - NODE_WIDTH / 2}" y="${top}" width="${NODE_WIDTH}" height="${DERIVATIVE_HEIGHT}"/>`;
}

function drawNumber(
  network: NetworkNumbers,
  view: View,
  number: NetworkNumber,
  x: number,
  top: number,
  height: number,
): string {
  const id = key(number);
  const isSelected = id === key(view.selected);
  const classes = ["box", isDerivative(number) ? "derivative" : "value"];
  if (isSelected) classes.push("selected");
  if (view.used.has(id)) classes.push("used");
  const text = view.isComputed(number) ? shortNumber(network.value(number)) : HIDDEN;
  return [
    `<g class="number" data-key="${id}" role="button" tabindex="${isSelected ? 0 : -1}"`,
    ` aria-label="${escapeMarkup(view.describe(number))}"${isSelected ? ' aria-current="true"' : ""}>`,
    `<rect class="${classes.join(" ")}" x="${x - NODE_WIDTH / 2}" y="${top}" width="${NODE_WIDTH}" height="${height}"/>`,
    `<text class="${isDerivative(number) ? "derivative" : "value"}" x="${x}" y="${top + height / 2}" dy="0.35em">${text}</text>`,
    `</g>`,
  ].join("");
}
