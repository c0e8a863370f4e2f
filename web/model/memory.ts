// Arrays in a module's memory that are released together.

import { ArrayList, type Kernels, type ModuleArray, type Numbers } from "../kernels/module.ts";
import { Stack, type StackShape, type State } from "../kernels/stack.ts";
import type { NamedArray } from "../traces/trace.ts";

/** A copy outside of the module's memory, with a shape. */
export function copy(numbers: Numbers, shape: readonly number[]): NamedArray {
  return { shape, values: Float64Array.from(numbers.view) };
}

export class Memory {
  private readonly owned: { release(): void }[] = [];

  constructor(readonly kernels: Kernels) {}

  /** An array of numbers: zeros, or a copy of the given ones. */
  floats(values: number | ArrayLike<number>): Numbers {
    return this.keep(this.kernels.floats(values));
  }

  /** An array of 32-bit integers: zeros, or a copy of the given ones. */
  integers(values: number | ArrayLike<number>): ModuleArray<Int32Array> {
    return this.keep(this.kernels.integers(values));
  }

  /** An array of 64-bit numbers, whatever the precision: losses. */
  doubles(values: number | ArrayLike<number>): ModuleArray<Float64Array> {
    return this.keep(this.kernels.doubles(values));
  }

  stack(shape: StackShape, parameters: readonly (Numbers | null)[]): Stack {
    return this.keep(new Stack(this.kernels, shape, parameters));
  }

  state(stack: Stack, B: number): State {
    return this.keep(stack.state(B));
  }

  list(arrays: readonly (Numbers | null)[]): ArrayList {
    return this.keep(new ArrayList(this.kernels, arrays));
  }

  /** Releases everything. */
  release(): void {
    while (this.owned.length) this.owned.pop()!.release();
  }

  private keep<T extends { release(): void }>(object: T): T {
    this.owned.push(object);
    return object;
  }
}
