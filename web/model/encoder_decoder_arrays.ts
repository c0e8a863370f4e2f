// The arrays of an encoder-decoder for batches of one shape.

import type { Kernels, ModuleArray, Numbers } from "../kernels/module.ts";
import type { Stack, State } from "../kernels/stack.ts";
import { Memory } from "./memory.ts";
import type { PairBatch } from "./pair_batch.ts";

interface SourceShape {
  embeddingSize: number;
  hiddenSize: number;
  B: number;
  S: number;
}

interface TargetShape extends SourceShape {
  T: number;
}

/** The arrays of one state in the directions of an encoder: they are ordered by direction, then by state. */
function ofDirections(state: State, index: number, states: number): readonly Numbers[] {
  return state.arrays.filter((_, i) => i % states === index);
}

/** What the encoder reads and computes, and the first state of the decoder. */
export class SourceArrays {
  readonly B: number;
  readonly S: number;
  /** (B, S, E) */
  readonly inputs: Numbers;
  readonly lengths: ModuleArray<Int32Array>;
  /** (B, S, H). Those of padding are not written. */
  readonly memories: Numbers;
  readonly final: State;
  /** (B, H) for each state of the cell: the last states of all directions. */
  readonly last: readonly Numbers[];
  readonly initial: State;

  constructor(memory: Memory, encoder: Stack, decoder: Stack, { embeddingSize, hiddenSize, B, S }: SourceShape) {
    [this.B, this.S] = [B, S];
    this.inputs = memory.floats(B * S * embeddingSize);
    this.lengths = memory.integers(B);
    this.memories = memory.floats(B * S * hiddenSize);
    this.final = memory.state(encoder, B);
    this.initial = memory.state(decoder, B);
    this.last = this.initial.arrays.map(() => memory.floats(B * hiddenSize));
  }

  /** The parts of `last` of one state: its array in each direction. */
  lastParts(state: number): readonly Numbers[] {
    return ofDirections(this.final, state, this.last.length);
  }
}

/** What the decoder reads and computes in T steps. */
export class TargetArrays {
  readonly T: number;
  /** (B, T, E) */
  readonly inputs: Numbers;
  /** (B, T, H): the outputs of the decoder. */
  readonly queries: Numbers;
  readonly final: State;
  /** (B, T, S) */
  readonly weights: Numbers;
  /** (B, T, H), (B, T, 2 H) and (B, T, H): contexts, [contexts; queries] and h~. */
  readonly contexts: Numbers;
  readonly joined: Numbers;
  readonly outputs: Numbers;

  constructor(memory: Memory, decoder: Stack, { embeddingSize, hiddenSize, B, S, T }: TargetShape) {
    this.T = T;
    this.inputs = memory.floats(B * T * embeddingSize);
    this.queries = memory.floats(B * T * hiddenSize);
    this.final = memory.state(decoder, B);
    this.weights = memory.floats(B * T * S);
    this.contexts = memory.floats(B * T * hiddenSize);
    this.joined = memory.floats(2 * B * T * hiddenSize);
    this.outputs = memory.floats(B * T * hiddenSize);
  }
}

/** The gradients with respect to the arrays of the same shapes. */
export class GradientArrays {
  readonly sourceInputs: Numbers;
  readonly memories: Numbers;
  readonly final: State;
  readonly last: readonly Numbers[];
  readonly initial: State;
  readonly targetInputs: Numbers;
  /** With respect to the outputs of the decoder: through attention, and in all. */
  readonly queries: Numbers;
  readonly states: Numbers;
  readonly contexts: Numbers;
  readonly joined: Numbers;
  readonly outputs: Numbers;

  constructor(memory: Memory, encoder: Stack, decoder: Stack, { embeddingSize, hiddenSize, B, S, T }: TargetShape) {
    this.sourceInputs = memory.floats(B * S * embeddingSize);
    this.memories = memory.floats(B * S * hiddenSize);
    this.final = memory.state(encoder, B);
    this.initial = memory.state(decoder, B);
    this.last = this.initial.arrays.map(() => memory.floats(B * hiddenSize));
    this.targetInputs = memory.floats(B * T * embeddingSize);
    this.queries = memory.floats(B * T * hiddenSize);
    this.states = memory.floats(B * T * hiddenSize);
    this.contexts = memory.floats(B * T * hiddenSize);
    this.joined = memory.floats(2 * B * T * hiddenSize);
    this.outputs = memory.floats(B * T * hiddenSize);
  }

  /** The parts of `last` of one state: its array in each direction. */
  lastParts(state: number): readonly Numbers[] {
    return ofDirections(this.final, state, this.last.length);
  }
}

/** All arrays of a training step, which are used again for batches of the same shape. */
export class BatchArrays {
  readonly source: SourceArrays;
  readonly target: TargetArrays;
  readonly gradients: GradientArrays;
  /** (B, T) */
  readonly targets: ModuleArray<Int32Array>;
  readonly losses: ModuleArray<Float64Array>;
  private readonly memory: Memory;

  constructor(kernels: Kernels, encoder: Stack, decoder: Stack, shape: TargetShape) {
    this.memory = new Memory(kernels);
    this.source = new SourceArrays(this.memory, encoder, decoder, shape);
    this.target = new TargetArrays(this.memory, decoder, shape);
    this.gradients = new GradientArrays(this.memory, encoder, decoder, shape);
    this.targets = this.memory.integers(shape.B * shape.T);
    this.losses = this.memory.doubles(shape.B * shape.T);
  }

  fits({ B, S, T }: PairBatch): boolean {
    return this.source.B === B && this.source.S === S && this.target.T === T;
  }

  release(): void {
    this.memory.release();
  }
}
