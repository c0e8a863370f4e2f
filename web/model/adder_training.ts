// The training of an adder, with what is recorded on the way: the loss, the exact sums, and the lines that the source of
// `elman lab adder` prints.

import type { Kernels } from "../kernels/module.ts";
import { Adder, type AdderSettings, type Example } from "./adder.ts";
import { evaluateAdder, type Evaluation } from "./adder_evaluation.ts";
import { MeanCurve } from "./mean_curve.ts";

// Updates between two lines that the source prints, and between two evaluations.
const PRINT_EVERY = 1000;
export const EVALUATE_EVERY = 500;

export class AdderTraining {
  readonly adder: Adder;
  /** The updates that have been made. */
  updates = 0;
  /** The example of the last update. */
  last: Example | null = null;
  readonly loss = new MeanCurve();
  /** The share of exact sums after 0, 500, 1000, ... updates. */
  readonly shares: number[] = [];
  /** The examples of the updates 0, 1000, 2000, ... */
  readonly printed: { update: number; example: Example }[] = [];
  private evaluated: { updates: number; evaluation: Evaluation } | null = null;

  constructor(kernels: Kernels, settings: AdderSettings) {
    this.adder = new Adder(kernels, settings);
    this.record();
  }

  update(): void {
    const example = this.adder.update();
    if (this.updates % PRINT_EVERY === 0) this.printed.push({ update: this.updates, example });
    this.last = example;
    this.loss.add(example.loss);
    this.updates += 1;
    this.record();
  }

  /** What the network can do with its present weights. */
  evaluate(): Evaluation {
    if (this.evaluated?.updates !== this.updates) {
      this.evaluated = { updates: this.updates, evaluation: evaluateAdder(this.adder) };
    }
    return this.evaluated.evaluation;
  }

  /** The last evaluation, and after how many updates it was made. */
  get lastEvaluation(): { updates: number; evaluation: Evaluation } {
    return this.evaluated!;
  }

  private record(): void {
    if (this.updates % EVALUATE_EVERY !== 0) return;
    const { exact, total } = this.evaluate();
    this.shares.push(exact / total);
  }
}
