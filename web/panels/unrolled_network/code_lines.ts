// The line of elman's own code that computes a number. The sources are put into the bundle, so a line is always the true one.

import elmanSource from "../../../src/elman/cells/elman.py";
import gruSource from "../../../src/elman/cells/gru.py";
import lstmSource from "../../../src/elman/cells/lstm.py";
import readoutSource from "../../../src/elman/cells/readout.py";
import unrollSource from "../../../src/elman/cells/unroll.py";
import type { Cell } from "../../kernels/stack.ts";

export interface CodeLine {
  file: string;
  /** From 1. */
  line: number;
  text: string;
}

const FOLDER = "src/elman/cells";
const SOURCES = {
  "elman.py": elmanSource,
  "gru.py": gruSource,
  "lstm.py": lstmSource,
  "readout.py": readoutSource,
  "unroll.py": unrollSource,
};

type File = keyof typeof SOURCES;

/** The beginning of the line of a number, in the file of the cell. */
const CELL_LINES: Record<Cell, Record<string, string>> = {
  elman: { sum: "h_next =", h: "h_next =", d_sum: "d_a =" },
  gru: {
    "gate.r": "rz =",
    "gate.z": "rz =",
    "gate.n": "n =",
    h: "h_next =",
    "d_gate.r": "d_r =",
    "d_gate.z": "d_z =",
    "d_gate.n": "d_n =",
  },
  lstm: {
    "gate.i": "if_ =",
    "gate.f": "if_ =",
    "gate.g": "g =",
    "gate.o": "o =",
    c: "c_next =",
    h: "h_next =",
    "d_gate.i": "d_i =",
    "d_gate.f": "d_f =",
    "d_gate.g": "d_g =",
    "d_gate.o": "d_o =",
    d_c: "d_c_next =",
    d_c_initial: "d_c =",
  },
};

/** The same for every cell. */
const OTHER_LINES: Record<string, [File, string]> = {
  y: ["readout.py", "return np.asarray(h @ V.T"],
  loss: ["readout.py", "return _sum_where(0.5 * error * error, error, counted)"],
  d_y: ["readout.py", "error = logits - targets"],
  d_V: ["readout.py", "return np.asarray(d_logits @ V)"],
  d_b_y: ["readout.py", "return np.asarray(d_logits @ V)"],
  d_h: ["unroll.py", "d_s = (d_s[0] + d_u[:, t] @ p.U"],
  d_h_initial: ["unroll.py", "d_s = (d_s[0] + d_u[:, t] @ p.U"],
  d_x: ["unroll.py", "return np.asarray(d_a @ p.W)"],
  d_W: ["unroll.py", "W=_sum_of_products("],
  d_U: ["unroll.py", "U=_sum_of_products("],
  d_b_ih: ["unroll.py", "b_ih=None if"],
  d_b_hh: ["unroll.py", "b_hh=None if"],
};

/** Returns the line that computes the numbers of an array, or null for a leaf. */
export function codeLine(cell: Cell, name: string): CodeLine | null {
  const own = CELL_LINES[cell][name];
  const [file, beginning] = own === undefined ? (OTHER_LINES[name] ?? []) : ([`${cell}.py` as File, own] as const);
  if (file === undefined || beginning === undefined) return null;
  const lines = SOURCES[file].split("\n");
  const row = lines.findIndex((line) => line.trim().startsWith(beginning));
  if (row < 0) throw new Error(`${file} has no line that begins with ${JSON.stringify(beginning)}`);
  return { file: `${FOLDER}/${file}`, line: row + 1, text: lines[row]!.trim() };
}
