// Trains a text mapper, and returns what it outputs in each epoch.

import { charactersOf, leastLoss, type MapperSettings, TextMapper } from "../model/text_mapper.ts";
import { encode } from "../traces/encoding.ts";
import type { Workspace } from "./workspace.ts";

interface Values {
  source: string;
  target: string;
  /** A text that was not trained. */
  other: string;
  epochs: number;
  settings: MapperSettings;
}

export function trainTextMapper(work: Workspace): Record<string, unknown> {
  const { source, target, other, epochs, settings } = work.request.values as Values;
  const characters = charactersOf(source, target);
  const ids = (text: string) => Array.from(text, (character) => characters.indexOf(character));
  const mapper = new TextMapper(work.kernels, characters.length, ids(source), ids(target), settings);
  const initial = mapper.weights;
  const results = Array.from({ length: epochs + 1 }, (_, epoch) => {
    if (epoch > 0) mapper.update();
    return mapper.evaluate();
  });
  const read = mapper.read(ids(other));
  const result = {
    ...{ characters, initial: encode(initial), final: encode(mapper.weights) },
    ...{ losses: results.map(({ loss }) => loss), outputs: results.map((epoch) => epoch.ids) },
    ...{ probabilities: encode(results.at(-1)!.probabilities), stepLosses: encode(results.at(-1)!.losses) },
    ...{ other: read.ids, otherProbabilities: encode(read.probabilities) },
    least: leastLoss(ids(source).length, characters.length),
  };
  mapper.release();
  return { ...result, memory: work.kernels.exports.memory.buffer.byteLength };
}
