// A network so small that all its numbers can be looked at: one recurrent layer, a linear readout, one sequence.
//
//   h_t, c_t = cell(W x_t + b_ih, U h_(t-1) + b_hh, h_(t-1), c_(t-1))
//   y_t      = V h_t + b_y
//   L        = sum over steps and outputs of (y - target)^2 / 2
//
// The kernels compute it, in double precision; only the loss is computed here. network_trace.ts has the numbers in between.
// Symbols are those of elman.cells: T steps, I inputs, H hidden units, O outputs, G gates.

import type { Kernels, Numbers } from "../kernels/module.ts";
import type { Activation, Cell, Stack, State } from "../kernels/stack.ts";
import { linear } from "../kernels/training.ts";
import { GATES, type TracedLayer } from "./layer_trace.ts";
import { Memory } from "./memory.ts";

export interface NetworkSizes {
  cell: Cell;
  /** Of the elman cell. */
  activation: Activation;
  T: number;
  I: number;
  H: number;
  O: number;
  bias: boolean;
}

/** An array that is not computed: the sequence, the targets, the initial state and the parameters. */
export type Leaf = "x" | "targets" | "h_initial" | "c_initial" | "W" | "U" | "b_ih" | "b_hh" | "V" | "b_y";

export type Values = Partial<Record<Leaf, ArrayLike<number>>>;

/** The shapes of the leaves of a network of these sizes. */
export function leafShapes({ cell, T, I, H, O, bias }: NetworkSizes): Map<Leaf, readonly number[]> {
  const G = GATES[cell].length;
  return new Map<Leaf, readonly number[]>([
    ["x", [T, I]],
    ["targets", [T, O]],
    ["h_initial", [H]],
    ...(cell === "lstm" ? ([["c_initial", [H]]] as const) : []),
    ["W", [G * H, I]],
    ...(bias ? ([["b_ih", [G * H]]] as const) : []),
    ["U", [G * H, H]],
    ...(bias ? ([["b_hh", [G * H]]] as const) : []),
    ["V", [O, H]],
    ...(bias ? ([["b_y", [O]]] as const) : []),
  ]);
}

/** The network, in the memory of the kernels. `release` frees it. */
export class SmallNetwork {
  readonly memory: Memory;
  readonly stack: Stack;
  /** (T, H) and (T, O), of the last forward pass. */
  readonly h: Numbers;
  readonly y: Numbers;
  readonly initial: State;
  readonly final: State;
  private readonly leaves: ReadonlyMap<Leaf, Numbers>;

  /** values: one array for each leaf. */
  constructor(
    readonly kernels: Kernels,
    readonly sizes: NetworkSizes,
    values: Values,
  ) {
    const { cell, activation, T, I, H, O } = sizes;
    this.memory = new Memory(kernels);
    this.leaves = new Map([...leafShapes(sizes).keys()].map((name) => [name, this.memory.floats(values[name]!)]));
    this.stack = this.memory.stack({ cell, activation, inputSize: I, hiddenSizes: [[H]] }, this.layerParameters());
    this.h = this.memory.floats(T * H);
    this.y = this.memory.floats(T * O);
    this.initial = this.memory.state(this.stack, 1);
    this.final = this.memory.state(this.stack, 1);
  }

  /** The array of a leaf; null for a bias or a state that this network does not have. */
  find(name: Leaf): Numbers | null {
    return this.leaves.get(name) ?? null;
  }

  get(name: Leaf): Numbers {
    return this.leaves.get(name)!;
  }

  /** The parameters as Stack takes them. */
  layerParameters(): (Numbers | null)[] {
    return [this.get("W"), this.get("U"), this.find("b_ih"), this.find("b_hh")];
  }

  /** Computes h and y with the present values. */
  forward(keepTape = false): void {
    const { T } = this.sizes;
    this.stack.pack();
    this.setInitialState(this.initial);
    this.stack.forward({
      T,
      B: 1,
      inputs: this.get("x"),
      outputs: this.h,
      initial: this.initial,
      final: this.final,
      keepTape,
    });
    linear(this.kernels, this.h, this.get("V"), this.find("b_y"), this.y, T);
  }

  /** The layer and what it reads. */
  get tracedLayer(): TracedLayer {
    const { memory, sizes } = this;
    const states = [this.find("h_initial"), this.find("c_initial")].filter((state) => state !== null);
    const initial = states.map((state) => Float64Array.from(state.view)); // a view would end when the memory grows
    return { memory, ...sizes, parameters: this.layerParameters(), x: this.get("x"), initial };
  }

  private setInitialState(state: State): void {
    this.tracedLayer.initial.forEach((values, i) => state.arrays[i]!.view.set(values));
  }

  /** The loss with the present values. */
  loss(): number {
    this.forward();
    return sum(lossOfSteps(this.y.view, this.get("targets").view, this.sizes.T));
  }

  /** The loss of the steps from `t` on, if they begin with the state `initial`. Overwrites h and y. */
  lossFrom(t: number, initial: State): number {
    const { T, I, H, O } = this.sizes;
    const left = T - t;
    if (left === 0) return 0;
    const [h, y] = [this.h.slice(0, left * H), this.y.slice(0, left * O)];
    this.stack.forward({
      T: left,
      B: 1,
      inputs: this.get("x").slice(t * I, left * I),
      outputs: h,
      initial,
      final: this.final,
    });
    linear(this.kernels, h, this.get("V"), this.find("b_y"), y, left);
    return sum(lossOfSteps(y.view, this.get("targets").view.subarray(t * O), left));
  }

  release(): void {
    this.memory.release();
  }
}

/** Half the squared error of each of T steps. */
export function lossOfSteps(y: ArrayLike<number>, targets: ArrayLike<number>, T: number): Float64Array {
  const O = y.length / T;
  const errors = Array.from(y, (value, i) => (value - targets[i]!) ** 2 / 2);
  return Float64Array.from({ length: T }, (_, t) => sum(errors.slice(t * O, (t + 1) * O)));
}

export function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}
