// The curves of the page: the training, and the lengths that the network was not trained on.

import type { ReversalOptions } from "../../model/reversal_training.ts";
import { Figure, type Picture } from "../../panels/figure.ts";
import { drawLines } from "../../panels/line_chart.ts";
import { element } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import type { Moment } from "./protocol.ts";
import type { Texts } from "./texts.ts";

const FEW = 0.5; // share of the sequences without an error

/** Shares without an error of the lengths 1, 2, ... at a moment. */
export interface Lengths {
  moment: number;
  shares: number[];
}

export class Charts {
  private readonly exact = new Figure("exact");
  private readonly loss = new Figure("loss");
  private readonly lengths = new Figure("lengths");

  constructor() {
    for (const name of ["exact", "loss", "lengths"] as const) element(name).append(this[name].element);
  }

  /** There are no curves of one moment. */
  showTraining(moments: readonly Moment[], texts: Texts): void {
    element("training").hidden = moments.length < 2;
    if (moments.length < 2) return;
    this.exact.show(drawExact(moments, texts), texts.exactTitle, texts.exactHelp, texts.save);
    this.loss.show(drawLoss(moments, texts), texts.lossTitle, texts.lossHelp, texts.save);
  }

  showLengths(lengths: Lengths | null, moments: readonly Moment[], options: ReversalOptions, texts: Texts): void {
    element("lengths").hidden = lengths === null;
    element("lengths-text").textContent = lengths ? describeLengths(lengths.shares, options, texts) : "";
    if (lengths === null) return;
    const { shortest, longest } = options;
    const title = fill(texts.lengthsChart, { update: moments[lengths.moment]!.update });
    const help = fill(texts.lengthsChartHelp, { shortest, longest });
    this.lengths.show(drawLengths(lengths.shares, texts), title, help, texts.save);
  }
}

function drawLoss(moments: readonly Moment[], texts: Texts): Picture {
  return drawLines({
    series: [
      { name: texts.trainingLoss, values: moments.map(({ trainingLoss }) => trainingLoss) },
      { name: texts.freshLoss, values: moments.map(({ loss }) => loss) },
    ],
    ...{ xLabel: texts.updates, yLabel: texts.nats, xLabels: moments.map(({ update }) => `${update}`) },
  });
}

function drawExact(moments: readonly Moment[], texts: Texts): Picture {
  return drawLines({
    series: [{ name: texts.exact, values: moments.map(({ exact }) => exact) }],
    ...{ xLabel: texts.updates, yLabel: texts.share, xLabels: moments.map(({ update }) => `${update}`) },
    yRange: [0, 1],
  });
}

function drawLengths(shares: readonly number[], texts: Texts): Picture {
  return drawLines({
    series: [{ name: texts.exact, values: shares }],
    ...{ xLabel: texts.length, yLabel: texts.share, xLabels: shares.map((_, i) => `${i + 1}`) },
    yRange: [0, 1],
  });
}

/** What the shares say about the lengths of the training, and about shorter and longer sequences. */
function describeLengths(shares: readonly number[], { shortest, longest }: ReversalOptions, texts: Texts): string {
  const mean = (values: readonly number[]) => percent(values.reduce((sum, value) => sum + value, 0) / values.length);
  const ofTraining = mean(shares.slice(shortest - 1, longest));
  const sentences = [fill(texts.lengthsTrained, { shortest, longest, share: ofTraining })];
  if (shortest > 1) sentences.push(fill(texts.lengthsShorter, { share: mean(shares.slice(0, shortest - 1)) }));
  const failing = shares.findIndex((share, i) => i >= longest && share < FEW);
  const values = { next: longest + 1, share: percent(shares[longest]!), last: shares.length, failing: failing + 1 };
  sentences.push(fill(failing < 0 ? texts.lengthsGeneralize : texts.lengthsFail, values));
  return sentences.join(texts.betweenSentences);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
