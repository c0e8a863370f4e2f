// The norm of the gradient k steps before the loss, which shows whether the gradient vanishes or explodes.
//
// The loss is half the squared distance of the last hidden state from a target, L = |h_T - target|^2 / 2. A backward pass
// for each step gives dL/dh_(T-k), and dL/dc_(T-k) of an LSTM through the step after it (Hochreiter, 1991; Bengio et al.,
// 1994; Pascanu et al., 2013).

import { updateBySgd } from "../kernels/training.ts";
import type { Kernels, Numbers } from "../kernels/module.ts";
import { type Activation, type Cell, type Stack, type State } from "../kernels/stack.ts";
import { GATES } from "./layer_trace.ts";
import { Memory } from "./memory.ts";

export interface LagNetwork {
  cell: Cell;
  /** Of the elman cell. */
  activation: Activation;
  T: number;
  I: number;
  H: number;
  /** (G * H, I), (G * H, H) and (G * H,). */
  W: ArrayLike<number>;
  U: ArrayLike<number>;
  bias: ArrayLike<number>;
  /** (T, I) and (H,). */
  x: ArrayLike<number>;
  target: ArrayLike<number>;
}

export interface LagResult {
  loss: number;
  /** |dL/dh_(T-k)| for k = 0, 1, ... T - 1. */
  h: number[];
  /** The same of c, of an LSTM; empty for the others. */
  c: number[];
  /** |dL/dU|, and the loss after one step of gradient descent on U, without and with clipping. */
  gradientNorm: number;
  after: number;
  afterClipped: number;
}

export interface Descent {
  rate: number;
  maxNorm: number;
}

export function gradientByLag(kernels: Kernels, network: LagNetwork, descent: Descent): LagResult {
  const run = new Run(kernels, network);
  try {
    const loss = run.forward();
    const { h, c } = run.normsByLag();
    const gradient = run.gradientOfU();
    const gradientNorm = norm(gradient.view);
    const after = run.lossAfter(gradient, descent.rate);
    // The norm of above does not overflow where the sum of the squares would.
    const factor = Math.min(1, descent.maxNorm / gradientNorm);
    kernels.exports.scale(gradient.length, gradient.pointer, factor);
    return { loss, h, c, gradientNorm, after, afterClipped: run.lossAfter(gradient, descent.rate) };
  } finally {
    run.memory.release();
  }
}

class Run {
  readonly memory: Memory;
  private readonly stack: Stack;
  private readonly parameters: readonly Numbers[];
  private readonly x: Numbers;
  private readonly outputs: Numbers;
  private readonly initial: State;
  private readonly final: State;

  constructor(
    kernels: Kernels,
    private readonly network: LagNetwork,
  ) {
    const { cell, activation, T, I, H, W, U, bias, x } = network;
    this.memory = new Memory(kernels);
    this.parameters = [W, U, bias, GATES[cell].length * H].map((values) => this.memory.floats(values));
    this.stack = this.memory.stack({ cell, activation, inputSize: I, hiddenSizes: [[H]] }, this.parameters);
    this.x = this.memory.floats(x);
    this.outputs = this.memory.floats(T * H);
    [this.initial, this.final] = [this.memory.state(this.stack, 1), this.memory.state(this.stack, 1)];
  }

  /** Returns the loss. */
  forward(): number {
    const { T } = this.network;
    this.stack.pack();
    this.stack.forward({
      ...{ T, B: 1, inputs: this.x, outputs: this.outputs },
      ...{ initial: this.initial, final: this.final, keepTape: true },
    });
    return norm(this.error) ** 2 / 2;
  }

  /** dL/dh_T = h_T - target. */
  private get error(): number[] {
    const h = this.final.arrays[0]!.view;
    return Array.from(this.network.target, (target, j) => h[j]! - target);
  }

  gradientOfU(): Numbers {
    const { T, H } = this.network;
    const gradients = this.parameters.map(({ length }) => this.memory.floats(length));
    const dOutputs = this.memory.floats(T * H);
    dOutputs.view.set(this.error, (T - 1) * H);
    this.stack.backward({ dOutputs, gradients: this.memory.list(gradients) });
    return gradients[1]!;
  }

  /** The loss after U has gone down a gradient; U is then as before. */
  lossAfter(gradient: Numbers, rate: number): number {
    const U = this.parameters[1]!;
    updateBySgd(this.memory.kernels, U, gradient, rate);
    const loss = this.forward();
    U.view.set(this.network.U);
    return loss;
  }

  normsByLag(): { h: number[]; c: number[] } {
    const { memory, stack, network } = this;
    const { T, I, H, cell } = network;
    const states = Array.from({ length: T + 1 }, () => memory.state(stack, 1));
    const output = memory.floats(H);
    const input = (t: number) => this.x.slice(t * I, I);
    for (let t = 0; t < T; ++t) stack.step(input(t), output, states[t]!, states[t + 1]!);
    const gradients = memory.list(this.parameters.map(({ length }) => memory.floats(length)));
    const [zeros, final] = [memory.floats(H), memory.state(stack, 1)];
    let [dFinal, dInitial] = [memory.state(stack, 1), memory.state(stack, 1)];
    dFinal.arrays[0]!.view.set(this.error);
    const norms: { h: number[]; c: number[] } = { h: [], c: [] };
    for (let t = T - 1; t >= 0; --t) {
      norms.h.push(norm(dFinal.arrays[0]!.view));
      if (cell === "lstm") norms.c.push(norm(dFinal.arrays[1]!.view));
      stack.forward({ T: 1, B: 1, inputs: input(t), outputs: output, initial: states[t]!, final, keepTape: true });
      stack.backward({ dOutputs: zeros, dFinal, dInitial, gradients });
      [dFinal, dInitial] = [dInitial, dFinal];
    }
    this.forward(); // for gradientOfU: the passes above have overwritten its tape
    return norms;
  }
}

export function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}
