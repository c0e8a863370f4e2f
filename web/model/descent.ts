// Gradient descent on the recurrent weights, without and with clipping of the norm (Pascanu et al., 2013).

import type { Kernels } from "../kernels/module.ts";
import { updateBySgd } from "../kernels/training.ts";
import { LagRun, type LagNetwork, norm } from "./lag_network.ts";

export interface Descent {
  rate: number;
  /** The largest norm of a gradient that is clipped. */
  maxNorm: number;
  steps: number;
}

/** The loss before the first step and after every step. The first loss that is not finite may be infinite; all losses after it are NaN. */
export interface DescentResult {
  plain: number[];
  clipped: number[];
}

export function descend(kernels: Kernels, network: LagNetwork, descent: Descent): DescentResult {
  const run = new LagRun(kernels, network);
  try {
    const plain = losses(run, { ...descent, maxNorm: Infinity });
    run.U.view.set(network.U);
    return { plain, clipped: losses(run, descent) };
  } finally {
    run.memory.release();
  }
}

function losses(run: LagRun, { rate, maxNorm, steps }: Descent): number[] {
  const { kernels } = run.memory;
  const result = [run.forward()];
  for (let step = 0; step < steps; ++step) {
    if (!Number.isFinite(result.at(-1)!)) {
      result.push(NaN);
      continue;
    }
    const gradient = run.gradientOfU();
    const factor = maxNorm / norm(gradient.view);
    if (factor < 1) kernels.exports.scale(gradient.length, gradient.pointer, factor);
    updateBySgd(kernels, run.U, gradient, rate);
    result.push(run.forward());
  }
  return result;
}
