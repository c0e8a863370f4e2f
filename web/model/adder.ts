// A simple recurrent network that adds two binary numbers, as `elman lab adder` trains it (Trask, 2015).
//
//   h_t = sigmoid(W x_t + U h_(t-1))        y_t = sigmoid(V h_t)        L = sum over the digits of (y - target)^2 / 2
//
// No biases, h_0 = 0. The kernels compute the products, the states and backpropagation through time; only the sigmoid of
// the output and the loss are computed here. W (H, 2), U (H, H), V (1, H). The weights and the training sums come from the
// random numbers of numpy.random.RandomState, in the order of the lab, so both give the same weights after each update.

import type { ArrayList, Kernels, Numbers } from "../kernels/module.ts";
import type { Stack, StackShape, State } from "../kernels/stack.ts";
import { linear, linearGradients, updateBySgd } from "../kernels/training.ts";
import { addDigits, numberOf, type Sums } from "./binary_addition.ts";
import { Memory } from "./memory.ts";
import { MersenneTwister } from "./mersenne_twister.ts";

/** The digits of a sum in training. */
export const TRAINED_DIGITS = 8;

const LARGEST_RANDOM = 2 ** (TRAINED_DIGITS - 1); // so that a sum has at most eight digits

export interface AdderSettings {
  hidden: number;
  rate: number;
  /** The sums of an update, whose gradients are averaged; the lab has 1. */
  batch: number;
  seed: number;
}

/** The first sum of an update, as the network computed it before the update. */
export interface Example {
  a: number;
  b: number;
  /** (T,): the outputs y. */
  outputs: Float64Array;
  answer: number;
  /** The sum of |y - target| over the digits, which the lab's source prints. */
  error: number;
  /** The mean of the loss L over the sums of the update. */
  loss: number;
}

export class Adder {
  readonly W: Numbers;
  readonly U: Numbers;
  readonly V: Numbers;
  private readonly memory: Memory;
  private readonly stack: Stack;
  private readonly parameters: Numbers;
  private readonly gradient: Numbers;
  private readonly layerGradients: ArrayList;
  private readonly dV: Numbers;
  private readonly rng: MersenneTwister;
  private readonly training: Pass & { dOutput: Numbers; dH: Numbers };

  constructor(
    readonly kernels: Kernels,
    readonly settings: AdderSettings,
  ) {
    const { hidden: H, batch, seed } = settings;
    this.memory = new Memory(kernels);
    const sizes = [2 * H, H * H, H] as const;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    [this.parameters, this.gradient] = [this.memory.floats(total), this.memory.floats(total)];
    const parts = (array: Numbers) => {
      let start = 0;
      return sizes.map((size) => array.slice((start += size) - size, size)) as [Numbers, Numbers, Numbers];
    };
    [this.W, this.U, this.V] = parts(this.parameters);
    const [dW, dU, dV] = parts(this.gradient);
    this.dV = dV;
    this.layerGradients = this.memory.list([dW, dU, null, null]);
    const shape: StackShape = { cell: "elman", activation: "sigmoid", inputSize: 2, hiddenSizes: [[H]] };
    this.stack = this.memory.stack(shape, [this.W, this.U, null, null]);
    const pass = createPass(this.memory, this.stack, batch, TRAINED_DIGITS);
    const [dOutput, dH] = [this.memory.floats(pass.logits.length), this.memory.floats(pass.h.length)];
    this.training = { ...pass, dOutput, dH };
    this.rng = new MersenneTwister(seed);
    this.drawWeights();
  }

  /** Draws the weights in the order of the lab, whose source has the transposed matrices. */
  private drawWeights(): void {
    const H = this.settings.hidden;
    const draw = (rows: number, columns: number, array: Numbers) => {
      for (let column = 0; column < columns; ++column) {
        for (let row = 0; row < rows; ++row) array.view[row * columns + column] = 2 * this.rng.random() - 1;
      }
    };
    draw(H, 2, this.W);
    draw(1, H, this.V);
    draw(H, H, this.U);
    this.stack.pack();
  }

  /** Adds random sums and updates the weights. */
  update(): Example {
    const { kernels, training, settings } = this;
    const { T, B, h, dOutput, dH } = training;
    const { pairs, sums } = this.drawSums();
    const outputs = this.forward(training, sums.x, true);
    const errors = outputs.map((y, i) => y - sums.target[i]!);
    dOutput.view.set(errors.map((error, i) => (error * outputs[i]! * (1 - outputs[i]!)) / B));
    linearGradients(kernels, dOutput, h, this.V, B * T, { dX: dH, dW: this.dV });
    this.stack.backward({ dOutputs: dH, gradients: this.layerGradients });
    updateBySgd(kernels, this.parameters, this.gradient, settings.rate);
    this.stack.pack();
    const [a, b] = pairs[0]!;
    const first = outputs.slice(0, T);
    return {
      ...{ a, b, outputs: first, answer: Number(numberOf(first.map(Math.round))) },
      error: errors.subarray(0, T).reduce((sum, error) => sum + Math.abs(error), 0),
      loss: errors.reduce((sum, error) => sum + error * error, 0) / (2 * B),
    };
  }

  private drawSums(): { pairs: [number, number][]; sums: Sums } {
    const draw = () => this.rng.integer(LARGEST_RANDOM);
    const pairs = Array.from({ length: this.settings.batch }, (): [number, number] => [draw(), draw()]);
    const x = new Float64Array(pairs.length * TRAINED_DIGITS * 2);
    pairs.forEach((pair, i) => {
      for (let k = 0; k < 2 * TRAINED_DIGITS; ++k) x[2 * TRAINED_DIGITS * i + k] = (pair[k % 2]! >> (k >> 1)) & 1;
    });
    return { pairs, sums: addDigits(x, TRAINED_DIGITS) };
  }

  /** The outputs (B, T) and the hidden states (B, T, H). */
  run({ B, T, x }: Sums): { outputs: Float64Array; h: Float64Array } {
    const memory = new Memory(this.kernels);
    try {
      const pass = createPass(memory, this.stack, B, T);
      const outputs = this.forward(pass, x, false);
      return { outputs, h: new Float64Array(pass.h.view) };
    } finally {
      memory.release();
    }
  }

  private forward(pass: Pass, x: Float64Array, keepTape: boolean): Float64Array {
    const { T, B, inputs, h, initial, final, logits } = pass;
    inputs.view.set(x);
    this.stack.forward({ T, B, inputs, outputs: h, initial, final, keepTape });
    linear(this.kernels, h, this.V, null, logits, B * T);
    return new Float64Array(logits.view).map((o) => 1 / (1 + Math.exp(-o)));
  }

  release(): void {
    this.memory.release();
  }
}

/** The arrays of a pass over B sums of T digits. */
interface Pass {
  B: number;
  T: number;
  inputs: Numbers;
  h: Numbers;
  logits: Numbers;
  initial: State;
  final: State;
}

function createPass(memory: Memory, stack: Stack, B: number, T: number): Pass {
  const [initial, final] = [memory.state(stack, B), memory.state(stack, B)];
  const [inputs, logits] = [memory.floats(B * T * 2), memory.floats(B * T)];
  return { B, T, inputs, h: memory.floats(B * T * stack.outputSize), logits, initial, final };
}
