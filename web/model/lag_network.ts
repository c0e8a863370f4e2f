// A network of one layer whose loss is half the squared distance of its last hidden state from a target,
// L = |h_T - target|^2 / 2: what the page of vanishing gradients computes with.

import type { ArrayList, Kernels, Numbers } from "../kernels/module.ts";
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

/** A network in the memory of the kernels. */
export class LagRun {
  readonly memory: Memory;
  private readonly stack: Stack;
  private readonly parameters: readonly Numbers[];
  private readonly gradients: readonly Numbers[];
  private readonly gradientList: ArrayList;
  private readonly dOutputs: Numbers;
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
    this.gradients = this.parameters.map(({ length }) => this.memory.floats(length));
    this.gradientList = this.memory.list(this.gradients);
    this.dOutputs = this.memory.floats(T * H);
    this.x = this.memory.floats(x);
    this.outputs = this.memory.floats(T * H);
    [this.initial, this.final] = [this.memory.state(this.stack, 1), this.memory.state(this.stack, 1)];
  }

  /** The recurrent weights, which may be changed. */
  get U(): Numbers {
    return this.parameters[1]!;
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

  /** dL/dU after a forward pass. The array is the same at every call. */
  gradientOfU(): Numbers {
    const { T, H } = this.network;
    this.dOutputs.view.set(this.error, (T - 1) * H);
    this.stack.backward({ dOutputs: this.dOutputs, gradients: this.gradientList });
    return this.gradients[1]!;
  }

  /** |dL/dh_(T-k)| and, of an LSTM, |dL/dc_(T-k)| for k = 0, 1, ... T - 1. Afterwards, `gradientOfU` may follow. */
  normsByLag(): { h: number[]; c: number[] } {
    const { memory, stack, network } = this;
    const { T, I, H, cell } = network;
    const states = Array.from({ length: T + 1 }, () => memory.state(stack, 1));
    const output = memory.floats(H);
    const input = (t: number) => this.x.slice(t * I, I);
    for (let t = 0; t < T; ++t) stack.step(input(t), output, states[t]!, states[t + 1]!);
    const [zeros, final] = [memory.floats(H), memory.state(stack, 1)];
    let [dFinal, dInitial] = [memory.state(stack, 1), memory.state(stack, 1)];
    dFinal.arrays[0]!.view.set(this.error);
    const norms: { h: number[]; c: number[] } = { h: [], c: [] };
    for (let t = T - 1; t >= 0; --t) {
      norms.h.push(norm(dFinal.arrays[0]!.view));
      if (cell === "lstm") norms.c.push(norm(dFinal.arrays[1]!.view));
      stack.forward({ T: 1, B: 1, inputs: input(t), outputs: output, initial: states[t]!, final, keepTape: true });
      stack.backward({ dOutputs: zeros, dFinal, dInitial, gradients: this.gradientList });
      [dFinal, dInitial] = [dInitial, dFinal];
    }
    this.forward(); // for gradientOfU: the passes above have overwritten its tape
    return norms;
  }
}

export function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}
