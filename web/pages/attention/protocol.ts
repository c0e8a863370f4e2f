// The messages between the page and the worker that trains. Both sides ignore messages about an earlier run.

import type { Reversal } from "../../model/reversal.ts";
import type { ReversalOptions } from "../../model/reversal_training.ts";
import type { FailureReason } from "../shared/failure.ts";

/** A validation: fresh sequences, and the weights of that moment, which the worker keeps. Moments are numbered from 0. */
export interface Moment {
  update: number;
  /** The mean loss of the updates since the last moment; null at the first one. */
  trainingLoss: number | null;
  loss: number;
  /** The share of the sequences that are reversed without an error. */
  exact: number;
}

export type Request = { run: number } & (
  | { type: "create"; options: ReversalOptions }
  /** Trains for some more updates. */
  | { type: "train"; updates: number }
  | { type: "stop" }
  | { type: "look"; moment: number; source: number[] }
  | { type: "lengths"; moment: number; most: number }
  | { type: "save"; moment: number; name: string; card: string }
);

export type Reply = { run: number } & (
  | { type: "created"; weights: number }
  | { type: "moment"; moment: Moment }
  | { type: "progress"; update: number; loss: number }
  | { type: "stopped"; update: number; seconds: number }
  | { type: "looked"; moment: number; source: number[]; reversal: Reversal }
  | { type: "lengths"; moment: number; shares: number[] }
  | { type: "saved"; zip: Uint8Array }
  | { type: "failed"; reason: FailureReason; detail: string }
);
