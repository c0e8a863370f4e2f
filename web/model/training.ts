// Trains a character model: segments of parallel streams, clipping, Adam, and choices of `elman train lm`.

import type { Kernels } from "../kernels/module.ts";
import type { Cell, State } from "../kernels/stack.ts";
import { Adam, scaleAndClip } from "../kernels/training.ts";
import { DivergedError } from "./diverged.ts";
import { LanguageModel } from "./language_model.ts";
import { Generator } from "./random.ts";

// As elman.tasks.language_model.defaults and elman.training.config.
const RATES: Record<Cell, number> = { elman: 1.2e-3, gru: 5e-3, lstm: 6.5e-3 }; // at 256 units
const [WARMUP, FINAL, CLIP_NORM] = [0.02, 0.02, 1.0];
const [MAX_STEPS, MAX_BATCH] = [64, 32];
const TRAINING_FRACTION = 0.9;
const MAX_VALIDATION = 250_000; // characters
const TABLE_SHARE = 0.5; // rows of a table of input products for each character of a mini-batch, at most
const MIN_VALIDATION = 18; // characters of a text that has a validation set
const [SCORING_STREAMS, MIN_STREAM] = [32, 64];
const NOT_COUNTED = -1; // a target

export interface TrainingOptions {
  cell: Cell;
  embeddingSize: number;
  hiddenSize: number;
  numLayers: number;
  seed: number;
}

/** Segments (T, B) of B parallel streams through a text. */
class Streams {
  private position = 0;
  private start = 0;
  private readonly length: number;

  constructor(
    private readonly ids: Int32Array,
    readonly T: number,
    readonly B: number,
  ) {
    this.length = Math.floor((ids.length - T) / B); // of a stream; its start moves by up to T
  }

  /** The next segment, and whether it begins a new pass through the text. The start of a pass is random. */
  next(rng: Generator): { ids: Int32Array; targets: Int32Array; first: boolean } {
    const first = this.position === 0;
    if (first) this.start = Math.floor(rng.random() * this.T);
    const segment = cut(this.ids, this.start + this.position, this.length, this.T, this.B);
    this.position += this.T;
    if (this.position + this.T > this.length) this.position = 0;
    return { ...segment, first };
  }
}

/** Ids and targets (T, B) of streams that are `length` apart. */
function cut(ids: Int32Array, start: number, length: number, T: number, B: number) {
  const [inputs, targets] = [new Int32Array(T * B), new Int32Array(T * B)];
  for (let b = 0; b < B; ++b) {
    for (let t = 0; t < T; ++t) {
      inputs[t * B + b] = ids[b * length + start + t]!;
      targets[t * B + b] = ids[b * length + start + t + 1]!;
    }
  }
  return { ids: inputs, targets };
}

/** Divides a text: its last tenth is the validation set. A very short text has none. */
export function splitText(text: string): { training: string; validation: string } {
  const characters = Array.from(text);
  const total = characters.length;
  const wanted = Math.min(MAX_VALIDATION, total - Math.floor(TRAINING_FRACTION * total));
  const size = total < MIN_VALIDATION ? 0 : wanted;
  return {
    training: characters.slice(0, total - size).join(""),
    validation: characters.slice(total - size).join(""),
  };
}

/** The batch size and the steps of a segment for a text. */
function batchShape(characters: number): { T: number; B: number } {
  const T = Math.max(1, Math.min(MAX_STEPS, Math.floor(characters / 8)));
  return { T, B: Math.max(1, Math.min(MAX_BATCH, Math.floor(characters / (8 * T)))) };
}

/** The learning rate at a progress from 0 to 1: it rises linearly, then falls along half a cosine. */
function learningRate(highest: number, progress: number): number {
  const p = Math.min(Math.max(progress, 0), 1);
  const warmup = Math.min(1, (p + 1e-3) / WARMUP);
  return highest * warmup * (FINAL + (1 - FINAL) * 0.5 * (1 + Math.cos(Math.PI * p)));
}

/** The highest learning rate for a cell and a hidden size. */
function highestRate(cell: Cell, hiddenSize: number): number {
  return Number((RATES[cell] * Math.min(2, Math.sqrt(256 / hiddenSize))).toPrecision(2));
}

export class Trainer {
  readonly model: LanguageModel;
  readonly batch: { T: number; B: number };
  private readonly streams: Streams;
  private readonly state: State;
  private readonly adam: Adam;
  private readonly rng: Generator;
  private readonly rate: number;

  constructor(
    private readonly kernels: Kernels,
    readonly training: Int32Array,
    readonly validation: Int32Array,
    vocabularySize: number,
    options: TrainingOptions,
  ) {
    this.batch = batchShape(this.training.length);
    const sizes = { ...options, vocabularySize };
    this.model = new LanguageModel(kernels, sizes, TABLE_SHARE * this.charactersPerStep);
    this.model.initialize(options.seed);
    this.streams = new Streams(this.training, this.batch.T, this.batch.B);
    this.state = this.model.state(this.batch.B);
    this.adam = new Adam(kernels, this.model.values);
    this.rng = new Generator(options.seed + 1);
    this.rate = highestRate(options.cell, options.hiddenSize);
  }

  /** Characters of an update. */
  get charactersPerStep(): number {
    return this.batch.T * this.batch.B;
  }

  /** One update. Returns the mean loss in nats and the norm of the gradient before clipping. */
  step(progress: number): { loss: number; norm: number } {
    const { ids, targets, first } = this.streams.next(this.rng);
    if (first) this.state.clear();
    const characters = this.charactersPerStep;
    const loss = this.model.loss(ids, targets, this.batch.T, this.state, true) / characters;
    const norm = scaleAndClip(this.kernels, this.model.gradient, 1 / characters, CLIP_NORM);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) throw new DivergedError();
    this.adam.update(this.model.gradient, learningRate(this.rate, progress));
    this.model.refresh();
    return { loss, norm };
  }

  /** The mean loss of the validation set, or of its beginning, in nats; null without one. */
  validate(characters = Infinity): number | null {
    return meanLoss(this.model, this.validation.subarray(0, Math.min(characters, this.validation.length)));
  }

  release(): void {
    this.adam.release();
    this.state.release();
    this.model.release();
  }
}

/**
 * The mean loss in nats of all characters but the first, or null if there is only one. As `elman evaluate`, it cuts the
 * text into up to 32 streams of 64 characters or more, each with a state of its own.
 */
function meanLoss(model: LanguageModel, ids: Int32Array): number | null {
  const count = ids.length - 1;
  if (count < 1) return null;
  const streams = Math.max(1, Math.min(SCORING_STREAMS, Math.floor(count / MIN_STREAM)));
  const bounds = Array.from({ length: streams }, (_, i) => Math.floor(i * (count / streams))).concat(count);
  const longest = Math.max(...bounds.slice(1).map((end, i) => end - bounds[i]!));
  const T = Math.min(MAX_STEPS, longest);
  const state = model.state(streams);
  let sum = 0;
  for (let done = 0; done < longest; done += T) {
    const [inputs, targets] = [new Int32Array(T * streams), new Int32Array(T * streams).fill(NOT_COUNTED)];
    for (let b = 0; b < streams; ++b) {
      const start = bounds[b]! + done;
      for (let t = 0; t < Math.min(T, bounds[b + 1]! - start); ++t) {
        inputs[t * streams + b] = ids[start + t]!;
        targets[t * streams + b] = ids[start + t + 1]!;
      }
    }
    sum += model.loss(inputs, targets, T, state, false);
  }
  state.release();
  return sum / count;
}
