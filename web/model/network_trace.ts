// The trace of a small network: every number of the forward and of the backward pass, and finite differences.
//
// Beside the arrays of every trace (docs/en/inspect.md), the layer has
//
//   W, U, b_ih, b_hh        its parameters, and d_W, d_U, d_b_ih, d_b_hh
//   tanh_c                  (T, H) of an LSTM
//   d_c_total               (T, H) of an LSTM: along all paths; d_c is only along the next step
//   d_h_initial, d_c_initial
//
// and the trace has V, b_y, targets (T, O), y (T, O), loss (T,), d_V, d_b_y and d_y.
//
// All numbers come from the kernels. A gate is a simple recurrent layer of its own, with rows of the same parameters. The
// derivatives of the parameters come from one backward pass over the sequence; those in between from one pass for each step.

import type { Numbers } from "../kernels/module.ts";
import type { Activation, State } from "../kernels/stack.ts";
import { linear, linearGradients } from "../kernels/training.ts";
import type { Arrays, NamedArray, Trace } from "../traces/trace.ts";
import { addFiniteDifferences } from "./finite_differences.ts";
import { GATES, givenShapes, lossOfSteps, type SmallNetwork, sum } from "./small_network.ts";

export function traceNetwork(network: SmallNetwork): Trace {
  const { cell, activation, T } = network.sizes;
  const layer: Arrays = {};
  const arrays: Arrays = {};
  for (const [name, shape] of givenShapes(network.sizes)) {
    (["V", "b_y", "targets"].includes(name) ? arrays : layer)[name] = copy(network.get(name), shape);
  }
  const dH = addOutputs(network, layer, arrays);
  addDerivativesOfParameters(network, layer, dH);
  const states = addStates(network, layer);
  addGates(network, layer);
  addDerivativesOfSteps(network, layer, dH, states);
  addFiniteDifferences(network, layer, arrays, states);
  const description = { name: "layers.0", direction: "forward", cell, axis: "steps" } as const;
  const names = { states: cell === "lstm" ? ["h", "c"] : ["h"], gates: GATES[cell] };
  return {
    task: "network",
    input: "",
    axes: { steps: Array.from({ length: T }, (_, t) => `${t + 1}`) },
    layers: [{ ...description, ...names, arrays: layer }],
    arrays,
    facts: { activation: cell === "elman" ? activation : "tanh", loss: sum(arrays["loss"]!.values) },
  };
}

function copy(numbers: Numbers, shape: readonly number[]): NamedArray {
  return { shape, values: Float64Array.from(numbers.view) };
}

/** Adds h, the readout and the loss, with derivatives. Returns the part of d_h that comes from the readout (T, H). */
function addOutputs(network: SmallNetwork, layer: Arrays, arrays: Arrays): Numbers {
  const { kernels, memory, sizes } = network;
  const { T, H, O, bias } = sizes;
  network.forward(true);
  layer["h"] = copy(network.h, [T, H]);
  arrays["y"] = copy(network.y, [T, O]);
  const [y, targets] = [arrays["y"].values, network.get("targets").view];
  arrays["loss"] = { shape: [T], values: lossOfSteps(y, targets, T) };
  arrays["d_y"] = { shape: [T, O], values: y.map((value, i) => value - targets[i]!) };
  const dY = memory.floats(arrays["d_y"].values);
  const [dH, dV, dB] = [memory.floats(T * H), memory.floats(O * H), memory.floats(O)];
  linearGradients(kernels, dY, network.h, network.get("V"), T, { dX: dH, dW: dV, dB });
  arrays["d_V"] = copy(dV, [O, H]);
  if (bias) arrays["d_b_y"] = copy(dB, [O]);
  return dH;
}

/** Adds the derivatives of the parameters and of the initial state, from the tape of the forward pass. */
function addDerivativesOfParameters(network: SmallNetwork, layer: Arrays, dH: Numbers): void {
  const { memory, stack, sizes } = network;
  const { cell, H } = sizes;
  const parameters = network.layerParameters();
  const gradients = parameters.map((parameter) => parameter && memory.floats(parameter.length));
  const dInitial = memory.state(stack, 1);
  stack.backward({ dOutputs: dH, dInitial, gradients: memory.list(gradients) });
  (["W", "U", "b_ih", "b_hh"] as const).forEach((name, i) => {
    if (gradients[i]) layer[`d_${name}`] = copy(gradients[i], layer[name]!.shape);
  });
  layer["d_h_initial"] = copy(dInitial.arrays[0]!, [H]);
  if (cell === "lstm") layer["d_c_initial"] = copy(dInitial.arrays[1]!, [H]);
}

/** Adds c, step by step. Returns the state before each step, and after the last one. */
function addStates(network: SmallNetwork, layer: Arrays): State[] {
  const { memory, stack, sizes } = network;
  const { cell, T, I, H } = sizes;
  const states = Array.from({ length: T + 1 }, () => memory.state(stack, 1));
  const h = memory.floats(H);
  network.setInitialState(states[0]!);
  for (let t = 0; t < T; ++t) stack.step(network.get("x").slice(t * I, I), h, states[t]!, states[t + 1]!);
  if (cell === "lstm") {
    const c = states.slice(1).flatMap((state) => [...state.arrays[1]!.view]);
    layer["c"] = { shape: [T, H], values: Float64Array.from(c) };
    layer["tanh_c"] = { shape: [T, H], values: tanh(network, layer["c"].values) };
  }
  return states;
}

/** Adds a, u and the gates. */
function addGates(network: SmallNetwork, layer: Arrays): void {
  const { kernels, memory, sizes } = network;
  const { cell, activation, T, H } = sizes;
  const GH = GATES[cell].length * H;
  const [a, u] = [memory.floats(T * GH), memory.floats(T * GH)];
  const hPrevious = memory.floats([...network.get("h_initial").view, ...layer["h"]!.values.subarray(0, (T - 1) * H)]);
  linear(kernels, network.get("x"), network.get("W"), network.find("b_ih"), a, T);
  linear(kernels, hPrevious, network.get("U"), network.find("b_hh"), u, T);
  layer["a"] = copy(a, [T, GH]);
  layer["u"] = copy(u, [T, GH]);
  GATES[cell].forEach((name, gate) => {
    const values =
      name === "n"
        ? candidateOfGru(network, layer)
        : gateValues(network, gate, cell === "elman" ? activation : name === "g" ? "tanh" : "sigmoid", hPrevious);
    layer[`gate.${name}`] = { shape: [T, H], values };
  });
}

/** f(W x + b + U h + c) for the rows of one gate, at all steps: a layer of simple cells, with the steps as a batch. */
function gateValues(network: SmallNetwork, gate: number, activation: Activation, hPrevious: Numbers): Float64Array {
  const { memory, sizes } = network;
  const { T, I, H } = sizes;
  const rows = (name: "W" | "U" | "b_ih" | "b_hh", columns: number) =>
    network.find(name)?.slice(gate * H * columns, H * columns) ?? null;
  const parameters = [rows("W", I), rows("U", H), rows("b_ih", 1), rows("b_hh", 1)];
  const stack = memory.stack({ cell: "elman", activation, inputSize: I, hiddenSizes: [[H]] }, parameters);
  const [state, values] = [memory.state(stack, T), memory.floats(T * H)];
  state.arrays[0]!.view.set(hPrevious.view);
  stack.step(network.get("x"), values, state, state);
  return Float64Array.from(values.view);
}

/** n = tanh(a_n + r * u_n). */
function candidateOfGru(network: SmallNetwork, layer: Arrays): Float64Array {
  const { T, H } = network.sizes;
  const r = layer["gate.r"]!.values;
  const [a, u] = [layer["a"]!.values, layer["u"]!.values];
  const sums = Float64Array.from({ length: T * H }, (_, i) => {
    const k = 3 * H * Math.floor(i / H) + 2 * H + (i % H); // the columns of n
    return a[k]! + r[i]! * u[k]!;
  });
  return tanh(network, sums);
}

/** tanh of numbers by the kernels: a simple cell with one input, which has weight 1. */
function tanh(network: SmallNetwork, numbers: Float64Array): Float64Array {
  const { memory } = network;
  const [one, zero] = [memory.floats([1]), memory.floats([0])];
  const stack = memory.stack({ cell: "elman", inputSize: 1, hiddenSizes: [[1]] }, [one, zero, null, null]);
  const values = memory.floats(numbers.length);
  stack.step(memory.floats(numbers), values, null, memory.state(stack, numbers.length));
  return Float64Array.from(values.view);
}

/** Adds d_h, d_c, d_a, d_u and d_x, by a backward pass for each step, from the last to the first. */
function addDerivativesOfSteps(network: SmallNetwork, layer: Arrays, dH: Numbers, states: readonly State[]): void {
  const { memory, stack, sizes } = network;
  const { cell, T, I, H, bias } = sizes;
  const GH = GATES[cell].length * H;
  const empty = (...shape: number[]): NamedArray => ({ shape, values: new Float64Array(shape[0]! * shape[1]!) });
  const added: Arrays = { d_h: empty(T, H), d_a: empty(T, GH), d_u: empty(T, GH), d_x: empty(T, I) };
  if (cell === "lstm") added["d_c"] = empty(T, H);
  // The derivatives with respect to the biases of one step are d_a and d_u. A network without biases gets zeros.
  const zeros = bias ? null : memory.floats(GH);
  const parameters = network.layerParameters().map((parameter) => parameter ?? zeros);
  const withBias = memory.stack({ ...stack.shape }, parameters);
  const gradients = parameters.map((parameter) => memory.floats(parameter!.length));
  const list = memory.list(gradients);
  const [h, dX, final] = [memory.floats(H), memory.floats(I), memory.state(stack, 1)];
  let dFinal = memory.state(stack, 1);
  let dInitial = memory.state(stack, 1);
  for (let t = T - 1; t >= 0; --t) {
    const fromReadout = dH.slice(t * H, H);
    const along = dFinal.arrays[0]!.view; // the next step
    added["d_h"]!.values.set(
      fromReadout.view.map((value, j) => value + along[j]!),
      t * H,
    );
    if (cell === "lstm") added["d_c"]!.values.set(dFinal.arrays[1]!.view, t * H);
    const inputs = network.get("x").slice(t * I, I);
    withBias.forward({ T: 1, B: 1, inputs, outputs: h, initial: states[t]!, final, keepTape: true });
    withBias.backward({ dOutputs: fromReadout, dFinal, dInputs: dX, dInitial, gradients: list });
    added["d_a"]!.values.set(gradients[2]!.view, t * GH);
    added["d_u"]!.values.set(gradients[3]!.view, t * GH);
    added["d_x"]!.values.set(dX.view, t * I);
    [dFinal, dInitial] = [dInitial, dFinal];
  }
  if (cell === "lstm") added["d_c_total"] = totalDerivativeOfC(layer, added);
  Object.assign(layer, added);
}

/** d_c along all paths: that along the next step, and the one through h of the same step. */
function totalDerivativeOfC(layer: Arrays, added: Arrays): NamedArray {
  const [o, tanhC] = [layer["gate.o"]!.values, layer["tanh_c"]!.values];
  const [dC, dH] = [added["d_c"]!, added["d_h"]!.values];
  return { shape: dC.shape, values: dC.values.map((d, i) => d + dH[i]! * o[i]! * (1 - tanhC[i]! ** 2)) };
}
