// The curves of a run, from its records.

import type { MetricRecord } from "./records.ts";

/** Values at steps, which ascend. Null, NaN and infinity are gaps. */
export interface Curve {
  readonly steps: number[];
  readonly values: (number | null)[];
}

interface Note {
  readonly step: number;
  readonly text: string;
}

/** These metrics are better if they are higher; the others if they are lower. */
const HIGHER_IS_BETTER = ["accuracy", "macro_f1", "span_f1", "exact_match"];
const HIDDEN = ["loss_error"]; // the standard error of the loss, which is no measure of quality

export class RunCurves {
  readonly loss = newCurve();
  /** The mean loss of the updates between two validations. */
  readonly lossBetweenValidations = newCurve();
  readonly learningRate = newCurve();
  readonly gradientNorm = newCurve();
  /** Of the validation set, by the name of the metric. */
  readonly validation = new Map<string, Curve>();
  readonly rollbacks: Note[] = [];
  sample: Note | null = null;
  /** The number of records. */
  count = 0;
  private lastStep = -1;

  /** Adds a record. If its step is before that of an earlier one, training has returned to it: what was later is removed. */
  add(record: MetricRecord): void {
    const { step, train, valid, sample, rolled_back: rolledBack } = record;
    if (step < this.lastStep) this.cut(step);
    this.lastStep = step;
    this.count += 1;
    addPoint(this.loss, step, record.loss);
    addPoint(this.learningRate, step, record.learning_rate);
    addPoint(this.gradientNorm, step, record.gradient_norm);
    addPoint(this.lossBetweenValidations, step, train?.["loss"]);
    for (const [name, value] of Object.entries(valid ?? {})) {
      if (HIDDEN.includes(name)) continue;
      if (!this.validation.has(name)) this.validation.set(name, newCurve());
      addPoint(this.validation.get(name)!, step, value);
    }
    if (sample !== undefined) this.sample = { step, text: sample };
    if (rolledBack !== undefined) this.rollbacks.push({ step, text: rolledBack });
  }

  /** The loss of the training: of every log record, or where there is none, of the updates between validations. */
  get trainingLoss(): Curve {
    return this.loss.steps.length ? this.loss : this.lossBetweenValidations;
  }

  private cut(step: number): void {
    const { loss, lossBetweenValidations, learningRate, gradientNorm, validation } = this;
    for (const curve of [loss, lossBetweenValidations, learningRate, gradientNorm, ...validation.values()]) {
      removeFrom(curve, step + 1);
    }
    if (this.sample !== null && this.sample.step > step) this.sample = null;
  }
}

function newCurve(): Curve {
  return { steps: [], values: [] };
}

function addPoint(curve: Curve, step: number, value: number | null | undefined): void {
  if (value === undefined) return;
  removeFrom(curve, step);
  curve.steps.push(step);
  curve.values.push(value);
}

/** Removes the points at a step and after it. */
function removeFrom({ steps, values }: Curve, step: number): void {
  while (steps.length > 0 && steps.at(-1)! >= step) {
    steps.pop();
    values.pop();
  }
}

export interface BestValue {
  readonly step: number;
  readonly value: number;
}

export function isHigherBetter(metric: string): boolean {
  return HIGHER_IS_BETTER.includes(metric);
}

/** The best value of a metric, at its first step; null if no value is finite. */
export function bestValue(metric: string, { steps, values }: Curve): BestValue | null {
  const sign = isHigherBetter(metric) ? -1 : 1;
  let best: BestValue | null = null;
  for (const [i, value] of values.entries()) {
    if (value === null || !Number.isFinite(value)) continue;
    if (best === null || sign * value < sign * best.value) best = { step: steps[i]!, value };
  }
  return best;
}
