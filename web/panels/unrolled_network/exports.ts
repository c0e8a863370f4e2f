// The picture as a file: SVG and TikZ.

import { draw, rowLetter, type View } from "./drawing.ts";
import { operandsOf } from "./derivations.ts";
import { shortNumber } from "../numbers.ts";
import { LABEL_CENTRE, layOut, NODE_WIDTH } from "./layout.ts";
import { derivative, key, type NetworkNumber, type NetworkNumbers } from "./numbers.ts";

/** The style of a saved picture, which is always light. The page has its own, with the same classes. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; text-anchor: middle; fill: #1b1f24; }
  text.derivative { font-size: 12px; fill: #b54708; }
  text.label { fill: #57606a; font-style: italic; }
  .box { fill: #ffffff; stroke: #8c959f; }
  .box.used { stroke: #0b5fa5; stroke-width: 2.5; }
  .box.selected { fill: #dcebfa; stroke: #0b5fa5; stroke-width: 2.5; }
  .line { stroke: #d0d7de; }
  .line.used { stroke: #0b5fa5; stroke-width: 2; }
`;

export function toSvg(network: NetworkNumbers, view: View): string {
  const layout = layOut(network, view.showDerivatives);
  const size = `width="${layout.width}" height="${layout.height}" viewBox="0 0 ${layout.width} ${layout.height}"`;
  const content = draw(network, layout, view);
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n<style>${STYLE}</style>\n<rect width="100%" height="100%" fill="#ffffff"/>\n${content}\n</svg>\n`;
}

const PIXELS_PER_CENTIMETRE = 40;

/** A LaTeX document of its own. The lines are drawn between the nodes, so they can be moved. */
export function toTikz(network: NetworkNumbers, view: View): string {
  const layout = layOut(network, view.showDerivatives);
  const centimetres = (pixels: number) => (pixels / PIXELS_PER_CENTIMETRE).toFixed(3);
  const name = (text: string) => text.replaceAll(/[:._]/g, "-");
  const nodes = [...layout.nodes.values()].map(({ number, x, y }) => {
    const d = derivative(number);
    const shown = (one: NetworkNumber) => (view.isComputed(one) ? latexNumber(network.value(one)) : "$\\cdot$");
    const below = view.showDerivatives && network.has(d) ? `\\\\ \\textcolor{derivative}{${shown(d)}}` : "";
    const style = key(number) === key(view.selected) ? "number, selected" : "number";
    const text = shown(number) + below;
    return `  \\node[${style}] (${name(key(number))}) at (${centimetres(x)}, ${centimetres(layout.height - y)}) {${text}};`;
  });
  const labels = [
    ...layout.rows.map((row) => ({ x: LABEL_CENTRE, y: row.y, text: latexLetter(row.name) })),
    ...layout.columns.map(({ step, x }) => ({ x, y: layout.height - LABEL_CENTRE / 2, text: `t = ${step}` })),
  ].map(({ x, y, text }) => `  \\node at (${centimetres(x)}, ${centimetres(layout.height - y)}) {$${text}$};`);
  const lines = [...layout.nodes.values()].flatMap(({ number }) => {
    return operandsOf(network, number)
      .filter((operand) => layout.nodes.has(key(operand)))
      .map((operand) => `    \\draw[->] (${name(key(operand))}) -- (${name(key(number))});`);
  });
  return [
    "\\documentclass[tikz, border=4pt]{standalone}",
    "\\usetikzlibrary{backgrounds}",
    "\\definecolor{derivative}{HTML}{B54708}",
    "\\begin{document}",
    "\\begin{tikzpicture}[",
    `  number/.style={draw, fill=white, text=black, rounded corners=2pt, align=center, minimum width=${centimetres(NODE_WIDTH)}cm, font=\\small},`,
    "  selected/.style={very thick},",
    "  every path/.style={gray},",
    "]",
    ...nodes,
    ...labels,
    "  \\begin{scope}[on background layer]",
    ...lines,
    "  \\end{scope}",
    "\\end{tikzpicture}",
    "\\end{document}",
    "",
  ].join("\n");
}

function latexLetter(row: string): string {
  return rowLetter(row).replace("ℓ", "\\ell");
}

/** A number in LaTeX's mathematics. */
function latexNumber(value: number): string {
  const text = shortNumber(value).replaceAll("−", "-").replace("∞", "\\infty");
  const [mantissa, exponent] = text.split("e");
  return exponent === undefined ? `$${mantissa}$` : `$${mantissa} \\cdot 10^{${exponent}}$`;
}
