// What a training step needs around the stack: a linear layer, tanh, the readout and its loss, clipping, SGD and Adam.
//
// N rows, I inputs, O outputs.

import { expectIntegers, expectLength, type Kernels, type ModuleArray, type Numbers } from "./module.ts";

/** y (N, O) = x (N, I) W^T + b, W (O, I), b (O,) or null. */
export function linear(kernels: Kernels, x: Numbers, W: Numbers, b: Numbers | null, y: Numbers, N: number): void {
  const [I, O] = [x.length / N, y.length / N];
  expectIntegers("sizes of x and y for each row", [I, O], 1, Infinity);
  expectLength("W", W, O * I);
  if (b) expectLength("b", b, O);
  kernels.exports.linear(N, I, O, x.pointer, W.pointer, b?.pointer ?? 0, y.pointer);
}

/** The gradients of `linear` from dY (N, O). They are overwritten; null if not needed. */
export function linearGradients(
  kernels: Kernels,
  dY: Numbers,
  x: Numbers,
  W: Numbers,
  N: number,
  gradients: { dX?: Numbers | null; dW?: Numbers | null; dB?: Numbers | null },
): void {
  const [I, O] = [x.length / N, dY.length / N];
  expectIntegers("sizes of x and dY for each row", [I, O], 1, Infinity);
  const { dX, dW, dB } = gradients;
  expectLength("W", W, O * I);
  if (dX) expectLength("dX", dX, N * I);
  if (dW) expectLength("dW", dW, O * I);
  if (dB) expectLength("dB", dB, O);
  kernels.exports.linear_gradients(
    N,
    I,
    O,
    dY.pointer,
    x.pointer,
    W.pointer,
    dX?.pointer ?? 0,
    dW?.pointer ?? 0,
    dB?.pointer ?? 0,
  );
}

/** numbers = tanh(numbers) */
export function applyTanh(kernels: Kernels, numbers: Numbers): void {
  kernels.exports.apply_tanh(numbers.length, numbers.pointer);
}

/** Makes the gradient with respect to y = tanh(x) the gradient with respect to x. */
export function tanhGradient(kernels: Kernels, y: Numbers, gradient: Numbers): void {
  expectLength("gradient", gradient, y.length);
  kernels.exports.tanh_gradient(y.length, y.pointer, gradient.pointer);
}

/** What the readout V (O, I), b (O,) of x (N, I) reads and writes. Gradients are those of the sum of the losses. */
export interface ReadoutArrays {
  x: Numbers;
  V: Numbers;
  b: Numbers | null;
  /** (N,): classes; negative ones do not count. */
  targets: ModuleArray<Int32Array>;
  /** (N,) in nats. */
  losses: ModuleArray<Float64Array>;
  dX?: Numbers | null;
  dV?: Numbers | null;
  dB?: Numbers | null;
}

/** Computes the softmax cross-entropy of a readout, and its gradients. */
export function softmaxCrossEntropy(kernels: Kernels, arrays: ReadoutArrays): void {
  const { x, V, b, targets, losses, dX, dV, dB } = arrays;
  const N = targets.length;
  const I = x.length / N;
  const O = V.length / I;
  expectIntegers("sizes of x and V for each row", [I, O], 1, Infinity);
  expectLength("losses", losses, N);
  if (b) expectLength("b", b, O);
  if (dX) expectLength("dX", dX, N * I);
  if (dV) expectLength("dV", dV, O * I);
  if (dB) expectLength("dB", dB, O);
  expectIntegers("targets", targets.view, -Infinity, O - 1);
  kernels.exports.softmax_cross_entropy(
    N,
    I,
    O,
    x.pointer,
    V.pointer,
    b?.pointer ?? 0,
    targets.pointer,
    losses.pointer,
    dX?.pointer ?? 0,
    dV?.pointer ?? 0,
    dB?.pointer ?? 0,
  );
}

/** Multiplies all gradients by `factor`, and by less if their norm would be larger than maxNorm. Returns that norm. */
export function scaleAndClip(kernels: Kernels, gradient: Numbers, factor: number, maxNorm: number): number {
  const { exports } = kernels;
  const norm = factor * Math.sqrt(exports.sum_of_squares(gradient.length, gradient.pointer));
  exports.scale(gradient.length, gradient.pointer, norm > maxNorm ? (factor * maxNorm) / norm : factor);
  return norm;
}

/** Stochastic gradient descent: parameters -= rate * gradient. */
export function updateBySgd(kernels: Kernels, parameters: Numbers, gradient: Numbers, rate: number): void {
  expectLength("gradient", gradient, parameters.length);
  kernels.exports.update_by_sgd(parameters.length, parameters.pointer, gradient.pointer, rate);
}

/** Adam (Kingma and Ba, 2015, algorithm 1), with the bits of elman.cells.adam. */
export class Adam {
  private readonly m: Numbers;
  private readonly v: Numbers;
  private t = 0;

  constructor(
    private readonly kernels: Kernels,
    private readonly parameters: Numbers,
    private readonly betas: readonly [number, number] = [0.9, 0.999],
    private readonly epsilon = 1e-8,
  ) {
    this.m = kernels.floats(parameters.length);
    this.v = kernels.floats(parameters.length);
  }

  update(gradient: Numbers, rate: number): void {
    expectLength("gradient", gradient, this.parameters.length);
    this.t += 1;
    this.kernels.exports.update_by_adam(
      this.parameters.length,
      this.parameters.pointer,
      gradient.pointer,
      this.m.pointer,
      this.v.pointer,
      this.t,
      rate,
      ...this.betas,
      this.epsilon,
    );
  }

  release(): void {
    this.m.release();
    this.v.release();
  }
}
