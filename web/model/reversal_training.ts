// Trains an encoder-decoder to write random sequences backwards. Every update and every validation has new sequences.

import type { Kernels } from "../kernels/module.ts";
import type { Cell } from "../kernels/stack.ts";
import { Adam, scaleAndClip } from "../kernels/training.ts";
import { DivergedError } from "./diverged.ts";
import { EncoderDecoder, type EncoderDecoderSizes } from "./encoder_decoder.ts";
import { type Pair, padPairs } from "./pair_batch.ts";
import { Generator as RandomGenerator } from "./random.ts";
import { exactShare, randomPair, reversalVocabulary } from "./reversal.ts";

const BATCH = 32; // sequences of an update
const VALIDATION = 200; // sequences of a validation
const CLIP_NORM = 1.0;

export interface ReversalOptions {
  cell: Cell;
  bidirectional: boolean;
  /** The number of different symbols. */
  symbols: number;
  /** The lengths of the sequences are uniform between these two. */
  shortest: number;
  longest: number;
  /** Even if the encoder reads in both directions. */
  hiddenSize: number;
  learningRate: number;
  seed: number;
}

/** The embedding has half as many numbers as there are hidden units. */
export function reversalSizes({ cell, bidirectional, symbols, hiddenSize }: ReversalOptions): EncoderDecoderSizes {
  const vocabularySize = reversalVocabulary(symbols).size;
  return { cell, vocabularySize, embeddingSize: Math.ceil(hiddenSize / 2), hiddenSize, bidirectional };
}

export class ReversalTrainer {
  readonly model: EncoderDecoder;
  private readonly adam: Adam;
  private readonly training: RandomGenerator;
  private readonly fresh: RandomGenerator;

  constructor(
    private readonly kernels: Kernels,
    readonly options: ReversalOptions,
  ) {
    this.model = new EncoderDecoder(kernels, reversalSizes(options));
    this.model.initialize(options.seed);
    this.adam = new Adam(kernels, this.model.list.values);
    this.training = new RandomGenerator(options.seed + 1);
    this.fresh = new RandomGenerator(options.seed + 2);
  }

  /** One update. Returns the mean loss of a token in nats. */
  step(): number {
    const { model, kernels, options } = this;
    const batch = padPairs(this.draw(this.training, BATCH), options.longest + 1);
    const loss = model.loss(batch, true) / batch.tokens;
    const norm = scaleAndClip(kernels, model.list.gradient, 1 / batch.tokens, CLIP_NORM);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) throw new DivergedError();
    this.adam.update(model.list.gradient, options.learningRate);
    model.refresh();
    return loss;
  }

  /** The loss of fresh sequences, and the share of them that the network reverses without an error. */
  validate(): { loss: number; exact: number } {
    const pairs = this.draw(this.fresh, VALIDATION);
    const batch = padPairs(pairs);
    return { loss: this.model.loss(batch, false) / batch.tokens, exact: exactShare(this.model, pairs) };
  }

  release(): void {
    this.adam.release();
    this.model.release();
  }

  private draw(rng: RandomGenerator, count: number): Pair[] {
    const { symbols, shortest, longest } = this.options;
    return Array.from({ length: count }, () => {
      const length = shortest + Math.floor((longest - shortest + 1) * rng.random());
      return randomPair(rng, symbols, length);
    });
  }
}

/** Yields the share of fresh sequences of each length, from 1 to `most`, that a network reverses without an error.
 * `model` returns the network; it is called before each length. */
export function* exactByLength(
  model: () => EncoderDecoder,
  { seed, symbols }: ReversalOptions,
  most: number,
  count: number,
): Generator<number> {
  const rng = new RandomGenerator(seed + 3);
  for (let length = 1; length <= most; ++length) {
    const pairs = Array.from({ length: count }, () => randomPair(rng, symbols, length));
    yield exactShare(model(), pairs);
  }
}
