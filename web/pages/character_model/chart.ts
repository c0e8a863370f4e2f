// The curves of the loss.

import uPlot from "uplot";

import type { Texts } from "./texts.ts";

const HEIGHT = 240;

/** Training and validation loss by update; the validation set is scored more rarely, and its points are joined. */
export class LossChart {
  private readonly updates: number[] = [];
  private readonly training: (number | null)[] = [];
  private readonly validation: (number | null)[] = [];
  private plot: uPlot | null = null;

  constructor(
    private readonly element: HTMLElement,
    private texts: Texts,
  ) {
    new ResizeObserver(() => this.plot?.setSize({ width: this.element.clientWidth, height: HEIGHT })).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
    this.rebuild();
  }

  add(step: number, series: "training" | "validation", loss: number): void {
    if (this.updates.at(-1) !== step) {
      this.updates.push(step);
      this.training.push(null);
      this.validation.push(null);
    }
    this[series][this.updates.length - 1] = loss;
    this.plot?.setData(this.data());
  }

  clear(): void {
    for (const series of [this.updates, this.training, this.validation]) series.length = 0;
    this.plot?.setData(this.data());
  }

  setTexts(texts: Texts): void {
    this.texts = texts;
    this.rebuild();
  }

  private data(): uPlot.AlignedData {
    return [this.updates, this.training, this.validation];
  }

  /** Draws the chart with the present texts and colours. */
  private rebuild(): void {
    this.plot?.destroy();
    const style = getComputedStyle(document.body);
    const probe = document.createElement("span");
    document.body.append(probe);
    const colour = (name: string): string => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 0.5 },
      ticks: { stroke: colour("--line") },
      font: `12px ${style.fontFamily}`,
      labelFont: `12px ${style.fontFamily}`,
    };
    const line = { spanGaps: true, width: 2, points: { show: false } };
    this.plot = new uPlot(
      {
        width: this.element.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false } },
        axes: [
          { ...axis, label: this.texts.updates },
          { ...axis, label: this.texts.nats },
        ],
        series: [
          { label: this.texts.updates },
          { ...line, label: this.texts.trainingLoss, stroke: colour("--accent"), value: (_, v) => v?.toFixed(3) ?? "" },
          {
            ...line,
            label: this.texts.validationLoss,
            stroke: colour("--second"),
            dash: [6, 4],
            value: (_, v) => v?.toFixed(3) ?? "",
          },
        ],
      },
      this.data(),
      this.element,
    );
    probe.remove();
  }
}
