// Finite differences of the loss of a small network: a check of its derivatives that uses forward passes only.
//
//   dL/dv = (L(v + e) - L(v - e)) / (2 e)
//
// The array finite.NAME has the finite differences beside the derivatives NAME. To change a number that is computed, such as
// h of a step, the network is run up to there, and then from there on.

import type { Numbers } from "../kernels/module.ts";
import type { State } from "../kernels/stack.ts";
import type { Arrays } from "../traces/trace.ts";
import { GATES } from "./layer_trace.ts";
import { type Leaf, leafShapes, type SmallNetwork, sum } from "./small_network.ts";

/** About the cube root of the rounding error, where the errors of rounding and of the difference are together smallest. */
const STEP = 6e-6;

/** states: before each step, and after the last one. */
export function addFiniteDifferences(
  network: SmallNetwork,
  layer: Arrays,
  arrays: Arrays,
  states: readonly State[],
): void {
  for (const name of leafShapes(network.sizes).keys()) {
    const target = [layer, arrays].find((some) => `d_${name}` in some);
    if (target) addFor(target, `d_${name}`, (i) => differenceOfLeaf(network, name, i));
  }
  addFor(arrays, "d_y", (i) => differenceOfOutput(arrays, i));
  const { cell, H } = network.sizes;
  const GH = GATES[cell].length * H;
  const biases = stepBiases(network);
  addFor(layer, "d_h", (i) => differenceOfH(network, states, Math.floor(i / H), i % H));
  for (const [name, bias] of [
    ["d_a", biases.b_ih],
    ["d_u", biases.b_hh],
  ] as const) {
    addFor(layer, name, (i) => differenceOfProduct(network, states, biases, bias, Math.floor(i / GH), i % GH));
  }
  if (cell === "lstm") {
    addFor(layer, "d_c_total", (i) => differenceOfC(network, layer, states, Math.floor(i / H), i % H));
  }
}

function addFor(arrays: Arrays, name: string, difference: (index: number) => number): void {
  const { shape, values } = arrays[name]!;
  arrays[`finite.${name}`] = { shape, values: values.map((_, i) => difference(i)) };
}

/** The finite difference of a function of one number at `value`. */
function central(value: number, loss: (value: number) => number): number {
  const step = STEP * Math.max(1, Math.abs(value));
  const [above, below] = [value + step, value - step];
  return (loss(above) - loss(below)) / (above - below);
}

/** Calls `loss` with other values at one place of an array, which has its own value again afterwards. */
function differenceAt(numbers: Numbers, index: number, loss: () => number): number {
  const value = numbers.view[index]!;
  const result = central(value, (other) => {
    numbers.view[index] = other;
    return loss();
  });
  numbers.view[index] = value;
  return result;
}

function differenceOfLeaf(network: SmallNetwork, name: Leaf, index: number): number {
  return differenceAt(network.get(name), index, () => network.loss());
}

function differenceOfOutput(arrays: Arrays, index: number): number {
  const target = arrays["targets"]!.values[index]!;
  return central(arrays["y"]!.values[index]!, (y) => (y - target) ** 2 / 2);
}

/** Loss of step t, with h_t from the state after it, and of the steps that follow. */
function lossAfter(network: SmallNetwork, t: number, state: State): number {
  const { O } = network.sizes;
  const V = network.get("V").view;
  const b = network.find("b_y")?.view;
  const h = state.arrays[0]!.view;
  let loss = 0;
  for (let k = 0; k < O; ++k) {
    const terms = Array.from(h, (value, j) => V[k * h.length + j]! * value);
    const y = sum(terms) + (b?.[k] ?? 0);
    loss += (y - network.get("targets").view[t * O + k]!) ** 2 / 2;
  }
  return loss + network.lossFrom(t + 1, state);
}

function differenceOfH(network: SmallNetwork, states: readonly State[], t: number, unit: number): number {
  const state = states[t + 1]!;
  network.stack.pack();
  return differenceAt(state.arrays[0]!, unit, () => lossAfter(network, t, state));
}

/** c changes h of the same step: h = o * tanh(c). */
function differenceOfC(
  network: SmallNetwork,
  layer: Arrays,
  states: readonly State[],
  t: number,
  unit: number,
): number {
  const { H } = network.sizes;
  const state = states[t + 1]!;
  const [h, c] = [state.arrays[0]!, state.arrays[1]!];
  const o = layer["gate.o"]!.values[t * H + unit]!;
  const before = h.view[unit]!;
  const result = differenceAt(c, unit, () => {
    h.view[unit] = o * Math.tanh(c.view[unit]!);
    return lossAfter(network, t, state);
  });
  h.view[unit] = before;
  return result;
}

interface StepBiases {
  b_ih: Numbers;
  b_hh: Numbers;
  run(t: number, states: readonly State[]): number;
}

/** A layer of the same weights with biases of its own, which are changed at one step only. */
function stepBiases(network: SmallNetwork): StepBiases {
  const { memory, stack, sizes } = network;
  const GH = GATES[sizes.cell].length * sizes.H;
  const [b_ih, b_hh] = (["b_ih", "b_hh"] as const).map((name) => memory.floats(network.find(name)?.view ?? GH));
  const layer = memory.stack(stack.shape, [network.get("W"), network.get("U"), b_ih!, b_hh!]);
  const [h, after] = [memory.floats(sizes.H), memory.state(layer, 1)];
  const run = (t: number, states: readonly State[]): number => {
    layer.pack();
    layer.step(network.get("x").slice(t * sizes.I, sizes.I), h, states[t]!, after);
    return lossAfter(network, t, after);
  };
  return { b_ih: b_ih!, b_hh: b_hh!, run };
}

function differenceOfProduct(
  network: SmallNetwork,
  states: readonly State[],
  biases: StepBiases,
  bias: Numbers,
  t: number,
  index: number,
): number {
  network.stack.pack();
  return differenceAt(bias, index, () => biases.run(t, states));
}
