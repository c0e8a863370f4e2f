// A network that reads a text and outputs another one of the same length, as `elman lab ohlol-cell` trains it on hello and
// ohlol: one-hot characters, one recurrent layer, and the softmax of its logits at each step.
//
//   o_t = h_t, or V h_t + b_o        p_t = softmax(o_t)        L = - sum over t of log p_t[target_t]
//
// The kernels compute states, loss, gradients and updates. The initial weights are those of torch.manual_seed(seed), then
// torch.nn.RNNCell (GRUCell, LSTMCell), then torch.nn.Linear: uniform between -1 / sqrt(H) and 1 / sqrt(H).
// T steps, O different characters, H hidden units.

import type { ArrayList, Kernels, ModuleArray, Numbers } from "../kernels/module.ts";
import { count } from "../kernels/module.ts";
import { type Cell, parameterShapes, type Stack, type StackShape, type State } from "../kernels/stack.ts";
import { Adam, linear, softmaxCrossEntropy, updateBySgd } from "../kernels/training.ts";
import { Memory } from "./memory.ts";
import { MersenneTwister } from "./mersenne_twister.ts";
import { softmax } from "./softmax.ts";

export interface MapperSettings {
  cell: Cell;
  /** Without a linear layer, the hidden state is the logits, and H is O. */
  hasLinear: boolean;
  hidden: number;
  optimizer: "adam" | "sgd";
  rate: number;
  seed: number;
}

/** What the network outputs for a text. */
export interface Output {
  /** (T, O) */
  probabilities: Float64Array;
  /** (T,): the most probable character of each step. */
  ids: number[];
}

/** An epoch: the output of the network before its update. */
export interface Epoch extends Output {
  loss: number;
  /** (T,) */
  losses: Float64Array;
}

/** The different characters of texts, in the order of their code points. */
export function charactersOf(...texts: string[]): string[] {
  return [...new Set(texts.join(""))].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
}

/** The least loss of logits that lie between -1 and 1: the logit of the target is 1, and the others are -1. */
export function leastLoss(T: number, O: number): number {
  return T * Math.log1p((O - 1) * Math.exp(-2));
}

export class TextMapper {
  readonly numParameters: number;
  private readonly memory: Memory;
  private readonly stack: Stack;
  private readonly parameters: Numbers;
  private readonly gradient: Numbers;
  private readonly layerGradients: ArrayList;
  private readonly V: Numbers;
  private readonly b: Numbers | null;
  private readonly dV: Numbers | null;
  private readonly dB: Numbers | null;
  private readonly dH: Numbers;
  private readonly targets: ModuleArray<Int32Array>;
  private readonly stepLosses: ModuleArray<Float64Array>;
  private readonly adam: Adam | null;
  private readonly pass: Pass;

  /** source and target: ids from 0 to O - 1, of equal length. */
  constructor(
    private readonly kernels: Kernels,
    readonly O: number,
    source: readonly number[],
    target: readonly number[],
    readonly settings: MapperSettings,
  ) {
    const { cell, hasLinear, hidden: H, optimizer } = settings;
    this.memory = new Memory(kernels);
    const shape: StackShape = { cell, inputSize: O, hiddenSizes: [[H]] };
    const sizes = parameterShapes(shape).map((parameter) => count(parameter.shape));
    if (hasLinear) sizes.push(O * H, O);
    this.numParameters = sizes.reduce((sum, size) => sum + size, 0);
    [this.parameters, this.gradient] = [this.memory.floats(this.numParameters), this.memory.floats(this.numParameters)];
    const [layer, [V, b]] = parts(this.parameters, sizes);
    const [layerGradients, [dV, dB]] = parts(this.gradient, sizes);
    this.V = V ?? this.memory.floats(identity(O));
    [this.b, this.dV, this.dB] = [b ?? null, dV ?? null, dB ?? null];
    this.layerGradients = this.memory.list(layerGradients);
    this.stack = this.memory.stack(shape, layer);
    this.drawWeights(sizes.slice(0, 4).reduce((sum, size) => sum + size, 0));
    this.pass = createPass(this.memory, this.stack, source, O);
    this.dH = this.memory.floats(source.length * H);
    this.targets = kernels.integers(target);
    this.stepLosses = kernels.doubles(target.length);
    this.adam = optimizer === "adam" ? new Adam(kernels, this.parameters) : null;
  }

  /** All weights: W, U, b_ih, b_hh, and V and b_o of a linear layer. */
  get weights(): Float64Array {
    return new Float64Array(this.parameters.view);
  }

  private drawWeights(layerNumbers: number): void {
    const rng = new MersenneTwister(this.settings.seed);
    const root = Math.sqrt(this.settings.hidden);
    const ofMatrix = Math.sqrt(3) * (Math.sqrt(1 / 3) / root); // as torch.nn.init.kaiming_uniform_ rounds it
    const endOfV = this.numParameters - this.O;
    this.parameters.view.forEach((_, i, view) => {
      const bound = i >= layerNumbers && i < endOfV ? ofMatrix : 1 / root;
      view[i] = rng.uniform32(-bound, bound);
    });
    this.stack.pack();
  }

  /** The loss and the output with the present weights. */
  evaluate(): Epoch {
    const output = this.forward(this.pass, true);
    const { kernels, V, b, dV, dB, dH, targets, stepLosses } = this;
    softmaxCrossEntropy(kernels, { x: this.pass.h, V, b, targets, losses: stepLosses, dX: dH, dV, dB });
    const losses = new Float64Array(stepLosses.view);
    return { ...output, losses, loss: losses.reduce((sum, loss) => sum + loss, 0) };
  }

  /** Updates the weights once. */
  update(): void {
    this.evaluate();
    this.stack.backward({ dOutputs: this.dH, gradients: this.layerGradients });
    const { rate } = this.settings;
    if (this.adam) this.adam.update(this.gradient, rate);
    else updateBySgd(this.kernels, this.parameters, this.gradient, rate);
    this.stack.pack();
  }

  /** What the network outputs for another text. */
  read(ids: readonly number[]): Output {
    const memory = new Memory(this.kernels);
    try {
      return this.forward(createPass(memory, this.stack, ids, this.O), false);
    } finally {
      memory.release();
    }
  }

  private forward({ T, inputs, h, logits, initial, final }: Pass, keepTape: boolean): Output {
    const { O } = this;
    this.stack.forward({ T, B: 1, inputs, outputs: h, initial, final, keepTape });
    linear(this.kernels, h, this.V, this.b, logits, T);
    const probabilities = new Float64Array(T * O);
    const ids = Array.from({ length: T }, (_, t) => {
      const p = softmax(logits.view.subarray(t * O, (t + 1) * O), 1);
      probabilities.set(p, t * O);
      return p.indexOf(p.reduce((most, value) => Math.max(most, value), 0));
    });
    return { probabilities, ids };
  }

  release(): void {
    this.adam?.release();
    this.targets.release();
    this.stepLosses.release();
    this.memory.release();
  }
}

/** The arrays of a pass through a text. */
interface Pass {
  T: number;
  inputs: Numbers;
  h: Numbers;
  logits: Numbers;
  initial: State;
  final: State;
}

function createPass(memory: Memory, stack: Stack, ids: readonly number[], O: number): Pass {
  const T = ids.length;
  const oneHot = new Float64Array(T * O);
  ids.forEach((id, t) => (oneHot[t * O + id] = 1));
  const [initial, final] = [memory.state(stack, 1), memory.state(stack, 1)];
  const [h, logits] = [memory.floats(T * stack.outputSize), memory.floats(T * O)];
  return { T, inputs: memory.floats(oneHot), h, logits, initial, final };
}

/** The parameters of the recurrent layer, and those after them, of an array that holds all of them. */
function parts(array: Numbers, sizes: readonly number[]): [Numbers[], Numbers[]] {
  let start = 0;
  const all = sizes.map((size) => array.slice((start += size) - size, size));
  return [all.slice(0, 4), all.slice(4)];
}

function identity(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
}
