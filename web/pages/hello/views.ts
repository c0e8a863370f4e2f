// The tables and pictures of the page.

import type { Epoch } from "../../model/text_mapper.ts";
import type { HeatMap } from "../../panels/heat_map.ts";
import type { LineChart } from "../../panels/line_chart.ts";
import { shortNumber } from "../../panels/numbers.ts";
import { visible } from "../../panels/tokens.ts";
import { create } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import type { TableContent } from "../shared/tables.ts";
import type { Texts } from "./texts.ts";
import type { Training } from "./training.ts";

const MAX_ROWS = 60;
const LOSS_DIGITS = 4;

/** Every epoch, or some of many; always the first and the last one. */
export function epochTable(training: Training, texts: Texts): TableContent {
  const every = Math.ceil(training.count / MAX_ROWS) || 1;
  const shown = training.epochs
    .map((epoch, index) => ({ epoch, index }))
    .filter(({ index }) => index % every === 0 || index === training.count);
  return {
    caption: texts.epochCaption,
    head: [texts.epoch, texts.loss, texts.output, texts.right],
    rows: shown.map(({ epoch, index }) => {
      const total = epoch.ids.length;
      const right = epoch.ids.filter((id, t) => id === training.targetIds()[t]).length;
      const output = create("td", { class: "text" }, ...markedOutput(training, epoch));
      return [`${index}`, epoch.loss.toFixed(LOSS_DIGITS), output, fill(texts.rightOf, { right, total })];
    }),
  };
}

/** The characters of an output, of which the wrong ones are marked. */
function markedOutput(training: Training, { ids }: Epoch): (Node | string)[] {
  return ids.map((id, t) => {
    const character = visible(training.characterOf(id));
    return id === training.targetIds()[t] ? character : create("span", { class: "wrong" }, character);
  });
}

export function stepTable(training: Training, index: number, texts: Texts): TableContent {
  const epoch = training.epochs[index]!;
  const { source, target } = training.task;
  const probabilities = training.targetProbabilities(epoch);
  return {
    caption: fill(texts.stepCaption, { epoch: index }),
    head: [texts.step, texts.input, texts.targetOfStep, texts.outputOfStep, texts.probability, texts.lossOfStep],
    rows: source.map((input, t) => {
      const output = training.characterOf(epoch.ids[t]!);
      const shown = output === target[t] ? visible(output) : create("span", { class: "wrong" }, visible(output));
      return [
        `${t + 1}`,
        ...[input, target[t]!].map((character) => create("td", { class: "text" }, visible(character))),
        create("td", { class: "text" }, shown),
        ...[probabilities[t]!, epoch.losses[t]!].map(shortNumber),
      ];
    }),
  };
}

export function lossChart({ epochs, leastLoss }: Training, texts: Texts): LineChart {
  const bound = leastLoss === null ? [] : [{ name: texts.lowerBound, values: epochs.map(() => leastLoss) }];
  return {
    series: [{ name: texts.loss, values: epochs.map(({ loss }) => loss) }, ...bound],
    ...{ xLabel: texts.epoch, yLabel: texts.loss, isLogarithmic: true },
  };
}

/** Rows are characters, columns are steps. */
export function probabilityMap(training: Training, index: number): HeatMap {
  const { source, characters } = training.task;
  const { probabilities } = training.epochs[index]!;
  const [rows, columns] = [characters.length, source.length];
  const values = characters.flatMap((_, row) => source.map((_, t) => probabilities[t * rows + row]!));
  return {
    ...{ values, rows, columns, rowLabels: characters, columnLabels: source, isShare: true },
    framed: training.targetIds().map((row, column) => ({ row, column })),
  };
}

export function sizeText(training: Training, texts: Texts): string {
  const { mapper, task, leastLoss } = training;
  const [characters, steps] = [task.characters.length, task.target.length];
  const values = { parameters: mapper.numParameters, characters, steps, others: characters - 1 };
  if (leastLoss === null) return fill(texts.size, values);
  return fill(texts.sizeWithBound, { ...values, bound: leastLoss.toFixed(LOSS_DIGITS) });
}

export function ambiguousText({ ambiguous }: Training, texts: Texts): string {
  if (ambiguous === null) return "";
  const character = visible(ambiguous.character);
  return fill(texts.ambiguous, { character, targets: ambiguous.targets.map(visible).join(texts.and) });
}
