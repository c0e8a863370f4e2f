// The numbers of a small network by name, and the order in which they are computed.
//
// A number is an entry of an array of the trace. Its key is the name and the indices, from 0: "h:2:0" is h of the third
// step and the first unit. Three names are the panel's own:
//
//   sum       (T, H) of a simple network: a + u, before the activation; d_sum is the trace's d_a
//   d_gate.i  (T, H): with respect to the gate before its activation, the columns of d_a that belong to it
//   d_c       (T, H): along all paths, the trace's d_c_total

import type { Activation, Cell } from "../../kernels/stack.ts";
import type { NamedArray, Trace } from "../../traces/trace.ts";

export interface NetworkNumber {
  name: string;
  index: readonly number[];
}

export function key({ name, index }: NetworkNumber): string {
  return [name, ...index].join(":");
}

export function isDerivative(number: NetworkNumber): boolean {
  return number.name.startsWith("d_");
}

/** h from d_h. */
export function withoutDerivative({ name, index }: NetworkNumber): NetworkNumber {
  return { name: name.replace(/^d_/, ""), index };
}

export function derivative({ name, index }: NetworkNumber): NetworkNumber {
  return { name: `d_${name}`, index };
}

export class NetworkNumbers {
  readonly cell: Cell;
  readonly activation: Activation;
  readonly gates: readonly string[];
  readonly T: number;
  readonly I: number;
  readonly H: number;
  readonly O: number;
  readonly hasBias: boolean;
  /** All numbers of the forward pass, and then those of the backward pass, in the order in which they are computed. */
  readonly order: readonly NetworkNumber[];
  /** Of all steps. */
  readonly loss: number;
  private readonly names: ReadonlySet<string>;
  private readonly arrays: ReadonlyMap<string, NamedArray>;

  constructor(trace: Trace) {
    const layer = trace.layers[0]!;
    this.cell = layer.cell as Cell;
    this.activation = trace.facts["activation"] as Activation;
    this.gates = layer.gates;
    const arrays = new Map([...Object.entries(layer.arrays), ...Object.entries(trace.arrays)]);
    [this.T, this.I] = arrays.get("x")!.shape as [number, number];
    this.H = arrays.get("h")!.shape[1]!;
    this.O = arrays.get("y")!.shape[1]!;
    this.hasBias = arrays.has("b_ih");
    this.arrays = arrays;
    this.addOwnArrays(arrays);
    this.order = [...this.forwardOrder(), ...this.backwardOrder()];
    const leaves = ["x", "targets", ...this.initialStates, ...this.parameters];
    this.names = new Set([...this.order.map(({ name }) => name), ...leaves]);
    this.loss = trace.facts["loss"] as number;
  }

  private addOwnArrays(arrays: Map<string, NamedArray>): void {
    const [a, u] = [arrays.get("a")!, arrays.get("u")!];
    if (this.cell === "elman") {
      arrays.set("sum", { shape: a.shape, values: a.values.map((value, i) => value + u.values[i]!) });
      for (const prefix of ["", "finite."]) arrays.set(`${prefix}d_sum`, arrays.get(`${prefix}d_a`)!);
      return;
    }
    for (const prefix of ["", "finite."]) {
      const all = arrays.get(`${prefix}d_a`)!.values;
      const width = this.gates.length * this.H;
      this.gates.forEach((gate, g) => {
        const column = (i: number) => all[Math.floor(i / this.H) * width + g * this.H + (i % this.H)]!;
        const values = Float64Array.from({ length: this.T * this.H }, (_, i) => column(i));
        arrays.set(`${prefix}d_gate.${gate}`, { shape: [this.T, this.H], values });
      });
      const total = arrays.get(`${prefix}d_c_total`);
      if (total) arrays.set(`${prefix}d_c`, total);
    }
  }

  has(number: NetworkNumber): boolean {
    const shape = this.arrays.get(number.name)?.shape;
    return (
      shape !== undefined &&
      shape.length === number.index.length &&
      number.index.every((i, axis) => Number.isInteger(i) && i >= 0 && i < shape[axis]!)
    );
  }

  value(number: NetworkNumber): number {
    return this.entry(number.name, number.index);
  }

  /** The finite difference beside a derivative. */
  finiteDifference(number: NetworkNumber): number {
    return this.entry(`finite.${number.name}`, number.index);
  }

  private entry(name: string, index: readonly number[]): number {
    const { shape, values } = this.arrays.get(name)!;
    return values[index.reduce((offset, i, axis) => offset * shape[axis]! + i, 0)]!;
  }

  /** The number with a key, computed or given, or null if there is none. */
  find(text: string): NetworkNumber | null {
    const [name, ...index] = text.split(":");
    const number = { name: name!, index: index.map(Number) };
    return this.names.has(name!) && this.has(number) ? number : null;
  }

  /** All numbers of an array. */
  all(name: string): NetworkNumber[] {
    const { shape, values } = this.arrays.get(name)!;
    return Array.from(values, (_, offset) => {
      const index: number[] = [];
      for (const size of [...shape].reverse()) {
        index.unshift(offset % size);
        offset = Math.floor(offset / size);
      }
      return { name, index };
    });
  }

  /** The rows of one step of the forward pass, in the order of computation. */
  get rows(): string[] {
    const gates = this.gates.map((gate) => `gate.${gate}`);
    const inner = { elman: ["sum"], gru: gates, lstm: [...gates, "c"] }[this.cell];
    return ["x", ...inner, "h", "y", "loss"];
  }

  /** The names of the parameters. */
  get parameters(): string[] {
    return ["W", "b_ih", "U", "b_hh", "V", "b_y"].filter((name) => this.arrays.has(name));
  }

  get initialStates(): string[] {
    return ["h_initial", "c_initial"].filter((name) => this.arrays.has(name));
  }

  private ofStep(name: string, t: number): NetworkNumber[] {
    return this.all(name).filter(({ index }) => index[0] === t);
  }

  private forwardOrder(): NetworkNumber[] {
    const computed = this.rows.slice(1);
    return this.steps().flatMap((t) => computed.flatMap((name) => this.ofStep(name, t)));
  }

  private backwardOrder(): NetworkNumber[] {
    const rows = {
      elman: ["sum"],
      gru: ["gate.z", "gate.n", "gate.r"],
      lstm: ["gate.o", "c", "gate.g", "gate.f", "gate.i"],
    };
    const names = ["y", "h", ...rows[this.cell], "x"];
    const steps = this.steps().reverse();
    const inner = steps.flatMap((t) => names.flatMap((name) => this.ofStep(`d_${name}`, t)));
    const outer = [...this.initialStates, ...this.parameters];
    return [...inner, ...outer.flatMap((name) => this.all(`d_${name}`))];
  }

  private steps(): number[] {
    return Array.from({ length: this.T }, (_, t) => t);
  }
}
