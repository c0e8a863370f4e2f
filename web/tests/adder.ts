// Trains an adder, and returns all that the page "The adder and its carry" shows.

import type { AdderSettings } from "../model/adder.ts";
import { evaluateLongSums } from "../model/adder_evaluation.ts";
import { AdderTraining } from "../model/adder_training.ts";
import { sumOf } from "../model/binary_addition.ts";
import { MersenneTwister } from "../model/mersenne_twister.ts";
import { encode } from "../traces/encoding.ts";
import type { Workspace } from "./workspace.ts";

interface Values {
  settings: AdderSettings;
  updates: number;
  /** A sum that is added at the end. */
  sum: { a: string; b: string; digits: number };
}

export function trainAdder(work: Workspace): Record<string, unknown> {
  const { settings, updates, sum } = work.request.values as Values;
  const training = new AdderTraining(work.kernels, settings);
  const { adder } = training;
  const weights = () => ({
    W: encode(adder.W.view.slice()),
    U: encode(adder.U.view.slice()),
    V: encode(adder.V.view.slice()),
  });
  const initial = weights();
  const losses: number[] = [];
  const errors: number[] = [];
  for (let i = 0; i < updates; ++i) {
    training.update();
    losses.push(training.last!.loss);
    errors.push(training.last!.error);
  }
  const sums = sumOf(BigInt(sum.a), BigInt(sum.b), sum.digits);
  const { outputs, h } = adder.run(sums);
  const result = {
    ...{ initial, final: weights(), losses, errors },
    ...{ printed: training.printed, shares: training.shares, evaluation: training.evaluate() },
    ...{ curve: training.loss.points, every: training.loss.every, longSums: evaluateLongSums(adder) },
    ...{ outputs: encode(outputs), h: encode(h), target: encode(sums.target), carry: encode(sums.carry) },
  };
  adder.release();
  return { ...result, memory: work.kernels.exports.memory.buffer.byteLength };
}

/** The numbers of a seed as numpy.random.RandomState and torch.manual_seed draw them. */
export function drawMersenneTwister(work: Workspace): Record<string, unknown> {
  const { seed, limits, count } = work.request.values as { seed: number; limits: number[]; count: number };
  const rng = new MersenneTwister(seed);
  const random = Array.from({ length: count }, () => rng.random());
  const integers = limits.map((limit) => Array.from({ length: count }, () => rng.integer(limit)));
  const torch = new MersenneTwister(seed);
  return { random, integers, torch: Array.from({ length: count }, () => torch.uniform32(-0.3, 0.5)) };
}
