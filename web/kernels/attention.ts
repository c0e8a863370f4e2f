// Attention of queries to the outputs of an encoder: attention_interface.cpp has the equations.
//
// B batch size, T queries of each row, S source steps, H size of queries, keys and memories.

import { expectIntegers, expectLength, type Kernels, type ModuleArray, type Numbers } from "./module.ts";

/** What attention reads and writes. */
export interface AttentionArrays {
  T: number;
  S: number;
  /** (B, T, H) */
  queries: Numbers;
  /** (B, S, H); the same array as the memories for attention `dot`. */
  keys: Numbers;
  /** (B, S, H) */
  memories: Numbers;
  /** (B,): the steps of each source, at least 1. The steps after them have the weight 0. */
  lengths: ModuleArray<Int32Array>;
  /** (B, T, S) */
  weights: Numbers;
  /** (B, T, H) */
  contexts: Numbers;
}

/** Gradients, which are overwritten. */
export interface AttentionGradients {
  dContexts: Numbers;
  dQueries: Numbers;
  /** May be the same array as dMemories, which then gets the sum of both. */
  dKeys: Numbers;
  dMemories: Numbers;
}

/** Computes the attention weights and the contexts. */
export function attention(kernels: Kernels, arrays: AttentionArrays): void {
  const { T, S, queries, keys, memories, lengths, weights, contexts } = arrays;
  const { B, H } = checkArrays(arrays);
  kernels.exports.attention(
    B,
    T,
    S,
    H,
    queries.pointer,
    keys.pointer,
    memories.pointer,
    lengths.pointer,
    weights.pointer,
    contexts.pointer,
  );
}

/** Computes the gradients with respect to queries, keys and memories, from dContexts and the weights of `attention`. */
export function attentionGradients(kernels: Kernels, arrays: AttentionArrays, gradients: AttentionGradients): void {
  const { T, S, queries, keys, memories, lengths, weights } = arrays;
  const { B, H } = checkArrays(arrays);
  const { dContexts, dQueries, dKeys, dMemories } = gradients;
  expectLength("dContexts", dContexts, B * T * H);
  expectLength("dQueries", dQueries, B * T * H);
  expectLength("dKeys", dKeys, B * S * H);
  expectLength("dMemories", dMemories, B * S * H);
  kernels.exports.attention_gradients(
    B,
    T,
    S,
    H,
    queries.pointer,
    keys.pointer,
    memories.pointer,
    lengths.pointer,
    weights.pointer,
    dContexts.pointer,
    dQueries.pointer,
    dKeys.pointer,
    dMemories.pointer,
  );
}

function checkArrays(arrays: AttentionArrays): { B: number; H: number } {
  const { T, S, queries, keys, memories, lengths, weights, contexts } = arrays;
  expectIntegers("T and S", [T, S], 1, Infinity);
  const B = lengths.length;
  const H = queries.length / (B * T);
  expectIntegers("size of a query", [H], 1, Infinity);
  expectLength("keys", keys, B * S * H);
  expectLength("memories", memories, B * S * H);
  expectLength("weights", weights, B * T * S);
  expectLength("contexts", contexts, B * T * H);
  expectIntegers("lengths", lengths.view, 1, S);
  return { B, H };
}
