// The model folder of an encoder-decoder whose tokens are characters.

import type { EncoderDecoder } from "./encoder_decoder.ts";
import { modelFolder } from "./folder.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The files by name. `card` is the text of README.md. `longest_ratio` is 1, because a target is about as long as its source. */
export function encoderDecoderFolder(
  model: EncoderDecoder,
  vocabulary: Vocabulary,
  card: string,
): Record<string, Uint8Array> {
  const { cell, embeddingSize, hiddenSize, bidirectional } = model.sizes;
  const side = { level: "char", merges: [], normalize: "none" };
  const config = {
    task: "seq2seq",
    model: {
      cell,
      activation: "tanh",
      embedding_size: embeddingSize,
      hidden_size: hiddenSize,
      encoder_hidden_size: bidirectional ? hiddenSize / 2 : hiddenSize,
      num_layers: 1,
      bidirectional,
      bridge: "linear",
      attention: "dot",
    },
    text: { longest_ratio: 1, source: side, target: side },
  };
  const vocabularies = { source: vocabulary.tokens, target: vocabulary.tokens };
  return modelFolder({ config, parameters: model.list.parameters, vocabularies, card });
}
