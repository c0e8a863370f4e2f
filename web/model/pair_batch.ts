// A batch of pairs of sequences, as elman.data.batches.padded.
//
//   sources   a b </s>        padded with </s>
//   inputs    <s> x y         padded with </s>
//   targets   x y </s>        padded with -1, which does not count

import { END_ID, START_ID } from "./vocabulary.ts";

const NOT_COUNTED = -1;

export interface PairBatch {
  B: number;
  S: number;
  T: number;
  /** (B, S) */
  sources: Int32Array;
  /** (B,): with </s>. */
  lengths: Int32Array;
  /** (B, T) */
  inputs: Int32Array;
  targets: Int32Array;
  /** The number of targets that count. */
  tokens: number;
}

/** Ids of a source and of its target, without start and end. */
export type Pair = readonly [source: readonly number[], target: readonly number[]];

/** steps: the steps of the batch, if it has more than its longest sequence. */
export function padPairs(pairs: readonly Pair[], steps = 0): PairBatch {
  const B = pairs.length;
  const longest = (side: 0 | 1) => Math.max(steps, ...pairs.map((pair) => pair[side].length + 1));
  const [S, T] = [longest(0), longest(1)];
  const sources = new Int32Array(B * S).fill(END_ID);
  const inputs = new Int32Array(B * T).fill(END_ID);
  const targets = new Int32Array(B * T).fill(NOT_COUNTED);
  pairs.forEach(([source, target], b) => {
    sources.set(source, b * S);
    inputs.set([START_ID, ...target], b * T);
    targets.set([...target, END_ID], b * T);
  });
  const lengths = Int32Array.from(pairs, ([source]) => source.length + 1);
  const tokens = pairs.reduce((sum, [, target]) => sum + target.length + 1, 0);
  return { B, S, T, sources, lengths, inputs, targets, tokens };
}
