// The tree of a beam search: the prefixes in the beam at each step, with their log probabilities.

import { palette, type Picture } from "./figure.ts";
import { escapeMarkup } from "./svg.ts";
import { visible } from "./tokens.ts";

/** A node as a trace has it. */
export interface TreeNode {
  parent: number | null;
  depth: number;
  token: string;
  log_probability: number;
  best: boolean;
}

const [COLUMN, ROW, MARGIN] = [84, 40, 34];
const DIGITS = 3;

export function drawTree(tree: readonly TreeNode[]): Picture {
  const colours = palette();
  const rows = rowsOf(tree);
  const x = (node: TreeNode) => MARGIN + node.depth * COLUMN;
  const y = (i: number) => MARGIN + rows[i]! * ROW;
  const colour = (node: TreeNode) => (node.best ? colours.accent : colours.quiet);
  const lines = tree.map((node, i) => {
    if (node.parent === null) return "";
    const [x1, y1] = [x(tree[node.parent]!) + 14, y(node.parent)];
    const path = `M ${x1} ${y1} C ${x1 + 30} ${y1}, ${x(node) - 44} ${y(i)}, ${x(node) - 14} ${y(i)}`;
    return `<path d="${path}" fill="none" stroke="${colour(node)}" stroke-width="${node.best ? 2.5 : 1}"/>`;
  });
  const nodes = tree.map((node, i) => {
    const weight = node.best ? ' font-weight="700"' : "";
    const score = node.log_probability.toFixed(DIGITS);
    return [
      `<text x="${x(node)}" y="${y(i)}" dy="0.1em" text-anchor="middle" fill="${colours.text}" font-size="14"${weight}>${escapeMarkup(visible(node.token))}</text>`,
      `<text x="${x(node)}" y="${y(i) + 15}" text-anchor="middle" fill="${colour(node)}" font-size="10">${score}</text>`,
    ].join("");
  });
  const depth = Math.max(...tree.map((node) => node.depth));
  const content = [...lines, ...nodes].join("\n");
  return { width: 2 * MARGIN + depth * COLUMN, height: 2 * MARGIN + Math.max(...rows) * ROW, content };
}

/** Returns the row of each node. Each leaf has a row of its own, and a node has the row of its best child. */
function rowsOf(tree: readonly TreeNode[]): number[] {
  const children = tree.map((): number[] => []);
  tree.forEach(({ parent }, i) => parent !== null && children[parent]!.push(i));
  const rank = (i: number) => (tree[i]!.best ? Infinity : tree[i]!.log_probability);
  const rows = Array<number>(tree.length).fill(0);
  let next = 0;
  const place = (i: number): void => {
    const sorted = children[i]!.sort((a, b) => rank(b) - rank(a));
    sorted.forEach(place);
    rows[i] = sorted.length ? rows[sorted[0]!]! : next++;
  };
  tree.forEach(({ parent }, i) => parent === null && place(i));
  return rows;
}
