// The network of the page: examples, resizing, and its form in the address of the page.

import type { Activation, Cell } from "../../kernels/stack.ts";
import { Generator } from "../../model/random.ts";
import { type Leaf, leafShapes, type NetworkSizes, type Values } from "../../model/small_network.ts";

export interface Settings {
  sizes: NetworkSizes;
  values: Values;
}

export const LIMITS = { T: 8, I: 4, H: 4, O: 4 } as const;
export const CELLS: readonly Cell[] = ["elman", "gru", "lstm"];
export const ACTIVATIONS: readonly Activation[] = ["tanh", "identity", "relu", "sigmoid"];
const SEED = 1;

const TEXTBOOK: NetworkSizes = { cell: "elman", activation: "identity", T: 3, I: 2, H: 2, O: 2, bias: false };
const TEXTBOOK_INPUTS = [1, 1, 1, 1, 2, 2];
const GATED = { activation: "tanh", T: 3, I: 2, H: 2, O: 1, bias: true } as const;

/** Examples by name. The first two are the textbook's: every weight is 1. */
export const EXAMPLES: Record<string, () => Settings> = {
  "srn-linear": () => textbook(TEXTBOOK),
  "srn-tanh": () => textbook({ ...TEXTBOOK, activation: "tanh" }),
  "srn-distinct": () => drawn({ ...TEXTBOOK, activation: "tanh" }),
  gru: () => drawn({ ...GATED, cell: "gru" }),
  lstm: () => drawn({ ...GATED, cell: "lstm" }),
};

export const FIRST_EXAMPLE = "srn-linear";

function textbook(sizes: NetworkSizes): Settings {
  const zeros: Leaf[] = ["targets", "h_initial"];
  const values = [...leafShapes(sizes)].map(([name, [rows, columns = 1]]) => {
    return [name, Array<number>(rows! * columns).fill(zeros.includes(name) ? 0 : 1)] as const;
  });
  return { sizes, values: { ...Object.fromEntries(values), x: TEXTBOOK_INPUTS } };
}

/** Random numbers from -1 to 1 with one decimal; states begin at 0. */
function drawn(sizes: NetworkSizes): Settings {
  return { sizes, values: resized({}, sizes, sizes) };
}

/** The values of a network of other sizes: where both have a number, the old one. */
export function resized(values: Values, from: NetworkSizes, to: NetworkSizes): Values {
  const rng = new Generator(SEED);
  const [before, after] = [leafShapes(from), leafShapes(to)];
  const result: Values = {};
  for (const [name, shape] of after) {
    const [rows, columns = 1] = shape as [number, number?];
    const [oldRows, oldColumns = 1] = (before.get(name) ?? [0]) as [number, number?];
    const old = from.cell === to.cell || !["W", "U", "b_ih", "b_hh"].includes(name) ? values[name] : undefined;
    result[name] = Array.from({ length: rows * columns }, (_, i) => {
      const random = Math.round(rng.random() * 20 - 10) / 10;
      const [row, column] = [Math.floor(i / columns), i % columns];
      const oldRow = rowBefore(name, row, from, to);
      const isOld = old !== undefined && oldRow !== null && oldRow < oldRows && column < oldColumns;
      return isOld ? old[oldRow * oldColumns + column]! : name.endsWith("_initial") ? 0 : random || 0;
    });
  }
  return result;
}

/** Returns the index of the same row in a network of other sizes, or null if the unit is new. Rows are grouped by gate. */
function rowBefore(name: Leaf, row: number, from: NetworkSizes, to: NetworkSizes): number | null {
  if (!["W", "U", "b_ih", "b_hh"].includes(name)) return row;
  const [gate, unit] = [Math.floor(row / to.H), row % to.H];
  return unit < from.H ? gate * from.H + unit : null;
}

/** The parts of an address. An example that is unchanged is only named. */
export function toAddress(settings: Settings, example: string): Record<string, string> {
  const plain = EXAMPLES[example]?.();
  if (plain && JSON.stringify(plain) === JSON.stringify(settings)) return { example };
  const { sizes, values } = settings;
  const { cell, activation, bias, ...counts } = sizes;
  const numbers = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, `${count}`]));
  const arrays = Object.entries(values).map(([name, array]) => [name, Array.from(array).join(",")]);
  return { cell, activation, bias: bias ? "1" : "0", ...numbers, ...Object.fromEntries(arrays) };
}

/** The settings of an address and the name of their example, which is empty for others; null if there is a mistake. */
export function fromAddress(stored: URLSearchParams): { settings: Settings; example: string } | null {
  const example = stored.get("example") ?? (stored.has("cell") ? "" : FIRST_EXAMPLE);
  if (example) return EXAMPLES[example] ? { settings: EXAMPLES[example](), example } : null;
  const cell = stored.get("cell") as Cell;
  const activation = (stored.get("activation") ?? "tanh") as Activation;
  const [T, I, H, O] = (["T", "I", "H", "O"] as const).map((name) => size(stored.get(name), LIMITS[name]));
  if (!CELLS.includes(cell) || !ACTIVATIONS.includes(activation) || !T || !I || !H || !O) return null;
  const sizes: NetworkSizes = { cell, activation, T, I, H, O, bias: stored.get("bias") === "1" };
  const values: Values = {};
  for (const [name, [rows, columns = 1]] of leafShapes(sizes)) {
    const numbers = (stored.get(name) ?? "").split(",").map((text) => (text.trim() ? Number(text) : NaN));
    if (numbers.length !== rows! * columns || !numbers.every(Number.isFinite)) return null;
    values[name] = numbers;
  }
  return { settings: { sizes, values }, example: "" };
}

/** A size in an address, or 0 if it is none. */
function size(text: string | null, most: number): number {
  const value = Number(text);
  return Number.isInteger(value) && value >= 1 && value <= most ? value : 0;
}
