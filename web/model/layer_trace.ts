// Products, gates and states of a recurrent layer at every step, as the arrays of a trace.
//
// All numbers come from the kernels. The states are those of single steps. A gate is a simple recurrent layer of its own,
// with rows of the same parameters, so its activation is the kernels', too.

import type { Numbers } from "../kernels/module.ts";
import type { Activation, Cell, State } from "../kernels/stack.ts";
import { linear } from "../kernels/training.ts";
import type { Arrays } from "../traces/trace.ts";
import { copy, type Memory } from "./memory.ts";

export const GATES: Record<Cell, readonly string[]> = {
  elman: ["h"],
  gru: ["r", "z", "n"],
  lstm: ["i", "f", "g", "o"],
};

/** A layer and the sequence that it reads. */
export interface TracedLayer {
  memory: Memory;
  cell: Cell;
  /** Of the elman cell. */
  activation: Activation;
  T: number;
  I: number;
  H: number;
  /** W, U, b_ih and b_hh. */
  parameters: readonly (Numbers | null)[];
  /** (T, I) */
  x: Numbers;
  /** h, and c of an LSTM, before the first step (H,). */
  initial: readonly ArrayLike<number>[];
}

/** Returns a, u, the gates, h, c and tanh_c, and the states (B = 1) before each step and after the last one. */
export function traceLayer(layer: TracedLayer): { arrays: Arrays; states: State[] } {
  const arrays: Arrays = {};
  const states = addStates(layer, arrays);
  addGates(layer, arrays);
  return { arrays, states };
}

function addStates(layer: TracedLayer, arrays: Arrays): State[] {
  const { memory, cell, activation, T, I, H, parameters, x } = layer;
  const stack = memory.stack({ cell, activation, inputSize: I, hiddenSizes: [[H]] }, parameters);
  const states = Array.from({ length: T + 1 }, () => memory.state(stack, 1));
  const output = memory.floats(H);
  layer.initial.forEach((values, i) => states[0]!.arrays[i]!.view.set(values));
  for (let t = 0; t < T; ++t) stack.step(x.slice(t * I, I), output, states[t]!, states[t + 1]!);
  (cell === "lstm" ? ["h", "c"] : ["h"]).forEach((name, i) => {
    const values = states.slice(1).flatMap((state) => [...state.arrays[i]!.view]);
    arrays[name] = { shape: [T, H], values: Float64Array.from(values) };
  });
  if (cell === "lstm") arrays["tanh_c"] = { shape: [T, H], values: tanh(memory, arrays["c"]!.values) };
  return states;
}

function addGates(layer: TracedLayer, arrays: Arrays): void {
  const { memory, cell, activation, T, H, parameters, x } = layer;
  const GH = GATES[cell].length * H;
  const [W, U, b_ih, b_hh] = parameters;
  const hPrevious = memory.floats([...Array.from(layer.initial[0]!), ...arrays["h"]!.values.subarray(0, (T - 1) * H)]);
  const [a, u] = [memory.floats(T * GH), memory.floats(T * GH)];
  linear(memory.kernels, x, W!, b_ih ?? null, a, T);
  linear(memory.kernels, hPrevious, U!, b_hh ?? null, u, T);
  arrays["a"] = copy(a, [T, GH]);
  arrays["u"] = copy(u, [T, GH]);
  GATES[cell].forEach((name, gate) => {
    const values =
      name === "n"
        ? candidateOfGru(layer, arrays)
        : gateValues(layer, gate, cell === "elman" ? activation : name === "g" ? "tanh" : "sigmoid", hPrevious);
    arrays[`gate.${name}`] = { shape: [T, H], values };
  });
}

/** f(W x + b + U h + c) for the rows of one gate, at all steps: a layer of simple cells, with the steps as a batch. */
function gateValues(layer: TracedLayer, gate: number, activation: Activation, hPrevious: Numbers): Float64Array {
  const { memory, T, I, H } = layer;
  const widths = [I, H, 1, 1];
  const rows = layer.parameters.map((array, i) => array?.slice(gate * H * widths[i]!, H * widths[i]!) ?? null);
  const stack = memory.stack({ cell: "elman", activation, inputSize: I, hiddenSizes: [[H]] }, rows);
  const [state, values] = [memory.state(stack, T), memory.floats(T * H)];
  state.arrays[0]!.view.set(hPrevious.view);
  stack.step(layer.x, values, state, state);
  return Float64Array.from(values.view);
}

/** n = tanh(a_n + r * u_n). */
function candidateOfGru({ memory, T, H }: TracedLayer, arrays: Arrays): Float64Array {
  const [r, a, u] = ["gate.r", "a", "u"].map((name) => arrays[name]!.values);
  const sums = Float64Array.from({ length: T * H }, (_, i) => {
    const k = 3 * H * Math.floor(i / H) + 2 * H + (i % H); // the columns of n
    return a![k]! + r![i]! * u![k]!;
  });
  return tanh(memory, sums);
}

/** tanh of numbers by the kernels: a simple cell with one input, which has weight 1. */
function tanh(memory: Memory, numbers: Float64Array): Float64Array {
  const [one, zero] = [memory.floats([1]), memory.floats([0])];
  const stack = memory.stack({ cell: "elman", inputSize: 1, hiddenSizes: [[1]] }, [one, zero, null, null]);
  const values = memory.floats(numbers.length);
  stack.step(memory.floats(numbers), values, null, memory.state(stack, numbers.length));
  return Float64Array.from(values.view);
}
