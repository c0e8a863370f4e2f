// The task: a random sequence of symbols, and the same sequence backwards.

import type { EncoderDecoder } from "./encoder_decoder.ts";
import { type Pair, padPairs } from "./pair_batch.ts";
import type { Generator } from "./random.ts";
import { END, START, UNKNOWN, Vocabulary } from "./vocabulary.ts";

const [DIGITS, LETTERS] = ["0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
export const FIRST_SYMBOL_ID = 3; // after `<unk>`, `<s>` and `</s>`
const MORE_TOKENS = 11; // than the source has: where writing stops without an end, as `elman predict`

/** Digits, or letters if there are more than ten symbols. */
export function symbolsOf(count: number): string {
  return (count <= DIGITS.length ? DIGITS : LETTERS).slice(0, count);
}

export function reversalVocabulary(symbols: number): Vocabulary {
  return new Vocabulary([UNKNOWN, START, END, ...symbolsOf(symbols)]);
}

export function reversalPair(source: readonly number[]): Pair {
  return [source, source.toReversed()];
}

/** A random sequence of `length` ids, and its reversal. */
export function randomPair(rng: Generator, symbols: number, length: number): Pair {
  return reversalPair(Array.from({ length }, () => FIRST_SYMBOL_ID + Math.floor(symbols * rng.random())));
}

/** The share of the pairs whose target the network writes without an error. */
export function exactShare(model: EncoderDecoder, pairs: readonly Pair[]): number {
  const longest = Math.max(...pairs.map(([source]) => source.length));
  const written = model.write(padPairs(pairs), longest + MORE_TOKENS);
  const isExact = pairs.map(([, target], i) => target.join() === written[i]!.join());
  return isExact.filter(Boolean).length / pairs.length;
}

/** What the network does with one sequence. */
export interface Reversal {
  /** Attention weights (T, S) when the decoder reads the correct target. */
  weights: Float64Array;
  /** Mean loss of a token of the target, in nats. */
  loss: number;
  /** The ids that the network writes by itself. */
  written: number[];
}

export function reverse(model: EncoderDecoder, source: readonly number[]): Reversal {
  const batch = padPairs([reversalPair(source)]);
  const loss = model.loss(batch, false) / batch.tokens;
  return {
    loss,
    weights: Float64Array.from(model.attentionWeights()),
    written: model.write(batch, source.length + MORE_TOKENS)[0]!,
  };
}
