// Panels on a page of their own, which only the tests have: the test calls window.panels.NAME(...) with data.

import { TrainingPanel } from "../panels/training/panel.ts";
import { type MetricRecord, RecordReader } from "../panels/training/records.ts";
import { TRAINING_TEXTS } from "../panels/training/texts.ts";
import { thinned } from "../panels/thinning.ts";
import type { Language } from "../pages/shared/language.ts";
import "./panels.css";

/** Parts of files in the order in which they are read, by the name of the run. */
type Parts = Record<string, string[]>;

const training = new TrainingPanel("training", TRAINING_TEXTS.en);
let readers = new Map<string, RecordReader>();

function show(language: Language): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  const runs = [...readers].map(([name, { records }]) => ({ name, records }));
  training.show(runs, TRAINING_TEXTS[language]);
}

const panels = {
  /** Shows runs, which are read in parts; the panel is shown after each part. Returns the damaged lines. */
  showTraining(parts: Parts, language: Language = "en"): unknown {
    document.querySelector("main")!.replaceChildren(training.element);
    readers = new Map(Object.keys(parts).map((name) => [name, new RecordReader()]));
    const steps = Math.max(0, ...Object.values(parts).map((texts) => texts.length));
    show(language);
    for (let i = 0; i < steps; ++i) {
      for (const [name, reader] of readers) reader.add(parts[name]![i] ?? "");
      show(language);
    }
    return [...readers.values()].flatMap(({ damaged }) => damaged);
  },

  /** Shows records that are no text: they may have NaN and infinity. */
  showRecords(runs: Record<string, MetricRecord[]>): void {
    document.querySelector("main")!.replaceChildren(training.element);
    training.show(
      Object.entries(runs).map(([name, records]) => ({ name, records })),
      TRAINING_TEXTS.en,
    );
  },

  chooseMetric(name: string | null): void {
    training.metric = name;
  },

  thinned(values: (number | null)[], columns: number[], count: number): number[] {
    return thinned(values, (i) => columns[i]!, count);
  },

  /** Milliseconds of a call that shows the same runs and one more record in each, and the metric that is chosen. */
  timeTraining(calls: number): number {
    const start = performance.now();
    for (let i = 0; i < calls; ++i) {
      for (const { records } of readers.values()) records.push({ step: 1e6 + i, loss: 1, gradient_norm: 1 });
      show("en");
    }
    return (performance.now() - start) / calls;
  },
};

declare global {
  interface Window {
    panels: typeof panels;
  }
}

window.panels = panels;
