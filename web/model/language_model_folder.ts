// The model folder of a character model.

import { modelFolder } from "./folder.ts";
import type { LanguageModel } from "./language_model.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The files by name; `card` is the text of README.md. */
export function languageModelFolder(
  model: LanguageModel,
  vocabulary: Vocabulary,
  card: string,
): Record<string, Uint8Array> {
  const { cell, embeddingSize, hiddenSize, numLayers } = model.sizes;
  const config = {
    task: "lm",
    model: {
      cell,
      activation: "tanh",
      embedding_size: embeddingSize,
      hidden_size: [hiddenSize],
      num_layers: numLayers,
      tie_weights: false,
      dropout: 0,
      dropout_kind: "standard",
    },
    text: { level: "char", normalize: "none", byte_fallback: false },
  };
  return modelFolder({ config, parameters: model.parameters, vocabularies: { tokens: vocabulary.tokens }, card });
}
