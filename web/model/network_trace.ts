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
// All numbers come from the kernels (layer_trace.ts). The derivatives of the parameters come from one backward pass over the
// sequence; those in between from one pass for each step.

import type { Numbers } from "../kernels/module.ts";
import type { State } from "../kernels/stack.ts";
import { linearGradients } from "../kernels/training.ts";
import type { Arrays, NamedArray, Trace } from "../traces/trace.ts";
import { copy } from "./memory.ts";
import { addFiniteDifferences } from "./finite_differences.ts";
import { GATES, traceLayer } from "./layer_trace.ts";
import { leafShapes, lossOfSteps, type SmallNetwork, sum } from "./small_network.ts";

export function traceNetwork(network: SmallNetwork): Trace {
  const { cell, activation, T } = network.sizes;
  const layer: Arrays = {};
  const arrays: Arrays = {};
  for (const [name, shape] of leafShapes(network.sizes)) {
    (["V", "b_y", "targets"].includes(name) ? arrays : layer)[name] = copy(network.get(name), shape);
  }
  const dH = addOutputs(network, layer, arrays);
  addDerivativesOfParameters(network, layer, dH);
  const { arrays: ofSteps, states } = traceLayer(network.tracedLayer);
  Object.assign(layer, ofSteps);
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
