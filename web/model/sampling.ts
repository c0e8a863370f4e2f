// A random character from logits, and text from a model: elman.decoding.sampling and elman.decoding.generation.

import type { Floats } from "../kernels/module.ts";
import type { LanguageModel } from "./language_model.ts";
import { Generator } from "./random.ts";
import type { Vocabulary } from "./vocabulary.ts";

const UNKNOWN_ID = 0;

/** The probability of each token: softmax(logits / temperature), never `<unk>`; at 0, the most likely token. */
export function distribution(logits: ArrayLike<number>, temperature: number): Float64Array {
  const z = Float64Array.from(logits);
  z[UNKNOWN_ID] = -Infinity;
  let largest = UNKNOWN_ID;
  for (let i = 0; i < z.length; ++i) if (z[i]! > z[largest]!) largest = i;
  if (temperature === 0) return z.map((_, i) => (i === largest ? 1 : 0));
  const top = z[largest]!;
  const p = z.map((value) => Math.exp((value - top) / temperature));
  const sum = p.reduce((total, value) => total + value, 0);
  return p.map((value) => value / sum);
}

/** A token id drawn from a distribution. */
export function choose(p: Float64Array, rng: Generator): number {
  let total = 0;
  const cumulative = p.map((value) => (total += value));
  const drawn = rng.random() * total;
  const index = cumulative.findIndex((value) => value > drawn);
  return index >= 0 ? index : p.findLastIndex((value) => value > 0);
}

export interface GenerationOptions {
  maxTokens: number;
  temperature: number;
  seed: number;
}

/** Yields the characters that follow a prompt, one by one. */
export function* generate(
  model: LanguageModel,
  vocabulary: Vocabulary,
  prompt: string,
  options: GenerationOptions,
): globalThis.Generator<string, void, undefined> {
  const rng = new Generator(options.seed);
  const state = model.state(1);
  try {
    let logits: Floats = new Float64Array();
    for (const id of vocabulary.encodePrompt(prompt)) logits = model.step(id, state);
    for (let remaining = options.maxTokens; remaining > 0; --remaining) {
      const id = choose(distribution(logits, options.temperature), rng);
      yield vocabulary.tokens[id]!;
      if (remaining > 1) logits = model.step(id, state);
    }
  } finally {
    state.release();
  }
}
