// The norm of the gradient k steps before the loss, which shows whether the gradient vanishes or explodes.
//
// A backward pass for each step gives dL/dh_(T-k), and dL/dc_(T-k) of an LSTM through the step after it (Hochreiter, 1991;
// Bengio et al., 1994; Pascanu et al., 2013).

import type { Kernels } from "../kernels/module.ts";
import { LagRun, type LagNetwork, norm } from "./lag_network.ts";

export interface LagResult {
  loss: number;
  /** |dL/dh_(T-k)| for k = 0, 1, ... T - 1. */
  h: number[];
  /** The same of c, of an LSTM; empty for the others. */
  c: number[];
  /** |dL/dU|. */
  gradientNorm: number;
}

export function gradientByLag(kernels: Kernels, network: LagNetwork): LagResult {
  const run = new LagRun(kernels, network);
  try {
    const loss = run.forward();
    return { loss, ...run.normsByLag(), gradientNorm: norm(run.gradientOfU().view) };
  } finally {
    run.memory.release();
  }
}
