// The trace of a text through a character model: states, gates, logits and losses of elman.tasks.language_model.trace.

import { linear, softmaxCrossEntropy } from "../kernels/training.ts";
import type { Arrays, LayerTrace, Trace } from "../traces/trace.ts";
import type { LanguageModel } from "./language_model.ts";
import { GATES, traceLayer } from "./layer_trace.ts";
import { copy, Memory } from "./memory.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Arrays that the trace page does not show. */
const UNUSED = ["a", "u", "tanh_c"];

export function traceText(model: LanguageModel, vocabulary: Vocabulary, text: string): Trace {
  const memory = new Memory(model.kernels);
  try {
    const ids = vocabulary.encode(text);
    const { layers, outputs } = traceLayers(model, memory, ids);
    return {
      task: "lm",
      input: text,
      axes: { tokens: Array.from(ids, (id) => vocabulary.tokens[id]!), vocabulary: [...vocabulary.tokens] },
      layers,
      arrays: traceReadout(model, memory, ids, outputs),
      facts: {},
    };
  } finally {
    memory.release();
  }
}

function traceLayers(
  model: LanguageModel,
  memory: Memory,
  ids: Int32Array,
): { layers: LayerTrace[]; outputs: Float64Array } {
  const { cell, hiddenSize: H, embeddingSize } = model.sizes;
  const T = ids.length;
  let [x, I] = [model.embed(ids), embeddingSize];
  const layers = model.layerParameters.map((parameters, number): LayerTrace => {
    const initial = (cell === "lstm" ? ["h", "c"] : ["h"]).map(() => new Float64Array(H));
    const layer = { memory, cell, activation: "tanh" as const, T, I, H, parameters, x: memory.floats(x), initial };
    const { arrays } = traceLayer(layer);
    [x, I] = [arrays["h"]!.values, H];
    for (const name of UNUSED) delete arrays[name];
    const names = { name: `layers.${number}`, direction: "forward", cell, axis: "tokens" } as const;
    return { ...names, states: cell === "lstm" ? ["h", "c"] : ["h"], gates: GATES[cell], arrays };
  });
  return { layers, outputs: Float64Array.from(x) };
}

/** Logits (T, V) of the next token, and the loss (T - 1,) of each token after the first. */
function traceReadout(model: LanguageModel, memory: Memory, ids: Int32Array, outputs: Float64Array): Arrays {
  const T = ids.length;
  const V = model.sizes.vocabularySize;
  const x = memory.floats(outputs);
  const logits = memory.floats(T * V);
  const { kernels, readoutParameters } = model;
  const { V: weight, b } = readoutParameters;
  linear(kernels, x, weight, b, logits, T);
  const [targets, losses] = [kernels.integers(T), kernels.doubles(T)];
  targets.view.set([...ids.subarray(1), -1]);
  softmaxCrossEntropy(kernels, { x, V: weight, b, targets, losses });
  const loss = Float64Array.from(losses.view.subarray(0, T - 1));
  targets.release();
  losses.release();
  return { logits: copy(logits, [T, V]), loss: { shape: [T - 1], values: loss } };
}
