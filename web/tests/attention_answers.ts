// Answers about attention: the kernels, the encoder-decoder, and its training to reverse sequences.

import { attention, attentionGradients } from "../kernels/attention.ts";
import { applyTanh, tanhGradient } from "../kernels/training.ts";
import { EncoderDecoder, type EncoderDecoderSizes } from "../model/encoder_decoder.ts";
import { encoderDecoderFolder } from "../model/encoder_decoder_folder.ts";
import { type Pair, padPairs } from "../model/pair_batch.ts";
import { reverse, reversalVocabulary } from "../model/reversal.ts";
import { exactByLength, type ReversalOptions, ReversalTrainer } from "../model/reversal_training.ts";
import { decode, encode } from "../traces/encoding.ts";
import { type Arrays, encodeAll, type Workspace } from "./workspace.ts";

/** Attention and its gradients. Without keys, keys are the memories, and their gradients are one array. */
export function runAttention(work: Workspace): Arrays {
  const { kernels } = work;
  const [T, S] = [work.size("queries", 1), work.size("memories", 1)];
  const [queries, memories, lengths] = [work.floats("queries"), work.floats("memories"), work.integers("lengths")];
  const keys = work.has("keys") ? work.floats("keys") : memories;
  const [weights, contexts] = [kernels.floats(lengths.length * T * S), kernels.floats(queries.length)];
  for (const array of [weights, contexts]) array.view.fill(NaN); // all numbers are overwritten
  const arrays = { T, S, queries, keys, memories, lengths, weights, contexts };
  attention(kernels, arrays);
  const [dQueries, dMemories] = [kernels.floats(queries.length), kernels.floats(memories.length)];
  const dKeys = work.has("keys") ? kernels.floats(memories.length) : dMemories;
  for (const array of [dQueries, dKeys, dMemories]) array.view.fill(NaN);
  attentionGradients(kernels, arrays, { dContexts: work.floats("d_contexts"), dQueries, dKeys, dMemories });
  return encodeAll({ weights, contexts, d_queries: dQueries, d_keys: dKeys, d_memories: dMemories });
}

export function runTanh(work: Workspace): Arrays {
  const [y, gradient] = [work.floats("x"), work.floats("d_y")];
  applyTanh(work.kernels, y);
  tanhGradient(work.kernels, y, gradient);
  return encodeAll({ y, d_x: gradient });
}

/** The loss of several batches with given weights, one after another; everything else is that of the last batch. */
export function runEncoderDecoder(work: Workspace): Record<string, unknown> {
  const { sizes, batches } = work.request.values as { sizes: EncoderDecoderSizes; batches: Pair[][] };
  const model = new EncoderDecoder(work.kernels, sizes);
  for (const { name, values } of model.list.parameters) values.view.set(decode(work.request.arrays[name]!));
  model.refresh();
  const losses = batches.map((pairs) => model.loss(padPairs(pairs), true));
  const gradients = model.list.parameters.map(({ name, gradient }) => [name, encode(gradient.view.slice())]);
  const weights = encode(model.attentionWeights());
  const written = model.write(padPairs(batches.at(-1)!), 12);
  model.release();
  const memory = work.kernels.exports.memory.buffer.byteLength;
  return { losses, gradients: Object.fromEntries(gradients), weights, written, memory };
}

/** Trains from the first weights, with a validation before and after. */
export function trainReversal(work: Workspace): Record<string, unknown> {
  const values = work.request.values as { options: ReversalOptions; updates: number; source: number[]; most: number };
  const { options, updates, source, most } = values;
  const trainer = new ReversalTrainer(work.kernels, options);
  const { model } = trainer;
  const look = () => {
    const { weights, ...others } = reverse(model, source);
    return { ...others, weights: encode(weights), validation: trainer.validate() };
  };
  const initial = model.list.parameters.map(({ name, values }) => [name, encode(values.view.slice())]);
  const before = look();
  const losses = Array.from({ length: updates }, () => trainer.step());
  const result = {
    initial: Object.fromEntries(initial),
    ...{ before, losses, after: look() },
    exact: [...exactByLength(() => model, options, most, 20)],
    files: Object.fromEntries(
      Object.entries(encoderDecoderFolder(model, reversalVocabulary(options.symbols), "# Card\n")).map(
        ([name, bytes]) => [name, encode(bytes)],
      ),
    ),
  };
  trainer.release();
  return { ...result, memory: work.kernels.exports.memory.buffer.byteLength };
}
