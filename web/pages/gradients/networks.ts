// The networks of the page: random weights of three cells, which read the same random sequence.

import type { Activation, Cell } from "../../kernels/stack.ts";
import type { LagNetwork } from "../../model/lag_network.ts";
import { GATES } from "../../model/layer_trace.ts";
import { Generator } from "../../model/random.ts";

export interface Settings {
  /** About the spectral radius of U: its numbers have the standard deviation gain / sqrt(H). */
  gain: number;
  activation: Activation;
  /** The bias of the gate that keeps the state: the forget gate of an LSTM, the update gate of a GRU. */
  keep: number;
  H: number;
  T: number;
  seed: number;
}

/** The number of inputs of a step. */
const INPUTS = 4;

/** The place of the gate that keeps the state. */
const KEEPING: Record<Cell, number | null> = { elman: null, gru: 1, lstm: 1 };

export function makeNetwork(cell: Cell, settings: Settings): LagNetwork {
  const { gain, activation, keep, H, T, seed } = settings;
  const rows = GATES[cell].length * H;
  const sequence = normals(new Generator(seed), T * INPUTS + H);
  const weights = normals(new Generator(seed + 1), rows * (INPUTS + H));
  const keepingGate = KEEPING[cell];
  return {
    ...{ cell, activation, T, I: INPUTS, H },
    x: sequence.slice(0, T * INPUTS),
    target: sequence.slice(T * INPUTS),
    W: weights.slice(0, rows * INPUTS).map((value) => value / Math.sqrt(INPUTS)),
    U: weights.slice(rows * INPUTS).map((value) => (value * gain) / Math.sqrt(H)),
    bias: Float64Array.from({ length: rows }, (_, row) => (Math.floor(row / H) === keepingGate ? keep : 0)),
  };
}

/** Numbers of the standard normal distribution (Box and Muller, 1958). */
function normals(rng: Generator, count: number): Float64Array {
  const result = new Float64Array(count + 1);
  for (let i = 0; i < count; i += 2) {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - rng.random())), 2 * Math.PI * rng.random()];
    result[i] = radius * Math.cos(angle);
    result[i + 1] = radius * Math.sin(angle);
  }
  return result.slice(0, count);
}
