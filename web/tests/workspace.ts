// The content of a request, and how arrays go to the module and back.

import type { Floats, Kernels, ModuleArray, Numbers, Precision } from "../kernels/module.ts";
import { parameterShapes, Stack, type StackShape, type State } from "../kernels/stack.ts";
import { decode, encode, type EncodedArray } from "../traces/encoding.ts";

export type Arrays = Record<string, EncodedArray>;

export interface Content {
  /** The file of the module. */
  module: string;
  precision: Precision;
  shape: StackShape;
  timeFirst?: boolean;
  hasBias?: boolean;
  seconds?: number;
  /** What is no array. */
  values?: unknown;
  arrays: Arrays;
}

/** The arrays of a request, in the memory of the module. */
export class Workspace {
  constructor(
    readonly kernels: Kernels,
    readonly request: Content,
  ) {}

  has(name: string): boolean {
    return name in this.request.arrays;
  }

  size(name: string, axis: number): number {
    return this.request.arrays[name]!.shape[axis]!;
  }

  floats(name: string): Numbers {
    return this.kernels.floats(decode(this.request.arrays[name]!));
  }

  integers(name: string): ModuleArray<Int32Array> {
    return this.kernels.integers(decode(this.request.arrays[name]!));
  }

  /** The parameters "0", "1", ... in the order of parameterShapes. */
  parameters(): (Numbers | null)[] {
    return parameterShapes(this.request.shape).map((_, i) => (this.has(`${i}`) ? this.floats(`${i}`) : null));
  }

  stack(): Stack {
    return new Stack(this.kernels, this.request.shape, this.parameters());
  }

  state(prefix: string, stack: Stack, B: number): State | null {
    if (!this.has(`${prefix} 0`)) return null;
    const state = stack.state(B);
    state.arrays.forEach((array, i) => array.view.set(decode(this.request.arrays[`${prefix} ${i}`]!) as Floats));
    return state;
  }
}

export function encodeAll(arrays: Record<string, ModuleArray<Floats> | null>): Arrays {
  const present = Object.entries(arrays).filter(([, array]) => array !== null);
  return Object.fromEntries(present.map(([name, array]) => [name, encode(array!.view)]));
}

export function named(prefix: string, arrays: readonly (Numbers | null)[]): Record<string, Numbers | null> {
  return Object.fromEntries(arrays.map((array, i) => [`${prefix} ${i}`, array]));
}
