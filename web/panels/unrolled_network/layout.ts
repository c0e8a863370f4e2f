// The positions of the numbers of an unrolled network: each step is a column, each kind of number a row.

import { key, type NetworkNumber, type NetworkNumbers } from "./numbers.ts";

export const NODE_WIDTH = 70;
export const VALUE_HEIGHT = 30;
export const DERIVATIVE_HEIGHT = 22;
const NODE_GAP = 8;
const COLUMN_GAP = 44;
const ROW_GAP = 26;
const LABELS = 34; // width of the letters at the left
export const LABEL_CENTRE = 14;
const MARGIN = 6;
const HEADER = 28;

export interface Node {
  number: NetworkNumber;
  /** The centre of the node. */
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  nodeHeight: number;
  nodes: ReadonlyMap<string, Node>;
  /** The rows from top to bottom, with the height of their centres. */
  rows: readonly { name: string; y: number }[];
  /** The centres of the columns; step 0 is the initial state. */
  columns: readonly { step: number; x: number }[];
}

export function layOut(network: NetworkNumbers, showDerivatives: boolean): Layout {
  const nodeHeight = VALUE_HEIGHT + (showDerivatives ? DERIVATIVE_HEIGHT : 0);
  const names = network.rows.toReversed();
  const rows = names.map((name, i) => ({ name, y: MARGIN + nodeHeight / 2 + i * (nodeHeight + ROW_GAP) }));
  const heights = new Map(rows.map(({ name, y }) => [name, y]));
  const widthOf = (count: number) => count * (NODE_WIDTH + NODE_GAP) - NODE_GAP;
  const nodes = new Map<string, Node>();
  const columns: { step: number; x: number }[] = [];
  let left = LABELS;
  const addColumn = (step: number, numbers: NetworkNumber[][]): void => {
    const width = Math.max(...numbers.map((row) => widthOf(row.length)));
    columns.push({ step, x: left + width / 2 });
    for (const row of numbers) {
      const start = left + (width - widthOf(row.length)) / 2 + NODE_WIDTH / 2;
      row.forEach((number, i) => {
        const y = heights.get(number.name.replace("_initial", ""))!;
        nodes.set(key(number), { number, x: start + i * (NODE_WIDTH + NODE_GAP), y });
      });
    }
    left += width + COLUMN_GAP;
  };
  addColumn(
    0,
    network.initialStates.map((name) => network.all(name)),
  );
  for (let t = 0; t < network.T; ++t) {
    addColumn(
      t + 1,
      names.map((name) => network.all(name).filter(({ index }) => index[0] === t)),
    );
  }
  const height = rows.at(-1)!.y + nodeHeight / 2 + HEADER;
  return { width: left - COLUMN_GAP + MARGIN, height, nodeHeight, nodes, rows, columns };
}
