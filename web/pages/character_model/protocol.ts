// The messages between the page and the worker that trains.

import type { TrainingOptions } from "../../model/training.ts";
import type { FailureReason } from "../shared/failure.ts";

export interface TrainRequest {
  type: "train";
  text: string;
  options: TrainingOptions;
  /** The budget: seconds of training, or updates, which give the same weights every time. */
  budget: { seconds: number } | { steps: number };
}

export interface GenerateRequest {
  type: "generate";
  prompt: string;
  maxTokens: number;
  temperature: number;
  seed: number;
}

export type Request =
  | TrainRequest
  | { type: "pause" }
  | { type: "continue" }
  | GenerateRequest
  | { type: "trace"; text: string }
  | { type: "save"; name: string; card: string };

export type Reply =
  | {
      type: "started";
      characters: number;
      validation: number;
      different: number;
      weights: number;
      B: number;
      T: number;
    }
  | { type: "progress"; step: number; progress: number; seconds: number; loss: number; speed: number }
  | { type: "validated"; step: number; loss: number; overfitting: boolean; sample: string }
  | { type: "paused"; step: number }
  | { type: "finished"; step: number; seconds: number; speed: number; best: { step: number; loss: number } | null }
  | { type: "generated"; text: string; unknown: string[] }
  | { type: "traced"; trace: string | null }
  | { type: "saved"; zip: Uint8Array }
  | { type: "failed"; reason: FailureReason; detail: string };
