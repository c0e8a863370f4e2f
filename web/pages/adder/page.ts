// The page "Train the adder": a network learns to add, and the reader sees which of its units stores the carry.

import kernelsModule from "../../../src/elman/web/kernels-float64.wasm";
import type { Kernels } from "../../kernels/module.ts";
import type { Adder } from "../../model/adder.ts";
import { evaluateLongSums, type LongSums } from "../../model/adder_evaluation.ts";
import { AdderTraining } from "../../model/adder_training.ts";
import { onPaletteChange } from "../../panels/figure.ts";
import { storedInAddress } from "../shared/address.ts";
import { downloadJson, element } from "../shared/elements.ts";
import { type Language, languageOf, translatePage } from "../shared/language.ts";
import { numberProblem } from "../shared/number_fields.ts";
import { startPage } from "../shared/start.ts";
import { Results } from "./results.ts";
import { adderSettings, field, readFields, speed, storeFields, TRAINING_FIELDS } from "./settings.ts";
import { type AddedSum, SumPanel } from "./sum_panel.ts";
import { TEXTS, type Texts } from "./texts.ts";
import { TrainingLoop } from "../shared/training_loop.ts";

const SHOW_EVERY = 120; // milliseconds, during the training

type State = "ready" | "running" | "stopped" | "finished";

class Page {
  private language: Language;
  private training: AdderTraining;
  private state: State = "ready";
  private shownAt = 0;
  private long: { adder: Adder; updates: number; sums: LongSums[] } | null = null;
  private readonly results = new Results();
  private readonly sumPanel = new SumPanel(() => this.showSum());
  private readonly loop = new TrainingLoop(
    () => {
      this.training.update();
      return this.training.updates;
    },
    (isFinished) => this.progressed(isFinished),
  );

  constructor(private readonly kernels: Kernels) {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    readFields(stored);
    element<HTMLInputElement>("sorted").checked = stored.get("sorted") === "1";
    translatePage(this.language, this.texts);
    if (this.problem()) {
      readFields(new URLSearchParams()); // numbers of an address that are out of range
      this.problem();
    }
    this.training = new AdderTraining(kernels, adderSettings());
    this.listen();
    this.show();
    const trained = Math.min(Number(stored.get("trained")), Number(field("updates").max));
    if (trained >= 1) this.run(Math.floor(trained), Infinity);
  }

  private get texts(): Texts {
    return TEXTS[this.language];
  }

  private listen(): void {
    const onClick = (id: string, action: () => void) => element(id).addEventListener("click", action);
    onClick("language", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    onClick("train", () => (this.loop.isRunning ? this.stop() : this.train()));
    onClick("one", () => this.makeOneUpdate());
    onClick("again", () => this.startAgain());
    onClick("save", () => this.save());
    for (const name of TRAINING_FIELDS) field(name).addEventListener("input", () => this.startAgain());
    for (const name of ["updates", "speed"] as const) field(name).addEventListener("input", () => this.store());
    onPaletteChange(() => this.show());
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, this.texts);
    this.problem(); // in the other language
    this.show();
  }

  /** Whether a number is wrong, which is shown. */
  private problem(): boolean {
    const problem = numberProblem([...TRAINING_FIELDS, "updates"], this.texts);
    element("problem").textContent = problem?.message ?? "";
    return problem !== null;
  }

  private startAgain(): void {
    this.loop.stop();
    if (this.problem()) return this.setState(this.training.updates ? "stopped" : "ready");
    const training = new AdderTraining(this.kernels, adderSettings());
    this.training.adder.release(); // afterwards, so that there is a network even if the new one fails
    this.training = training;
    this.setState("ready");
  }

  private train(): void {
    if (this.problem()) return;
    const { updates } = this.training;
    const goal = field("updates").valueAsNumber;
    this.run(updates < goal ? goal : updates + goal);
  }

  /** Updates until there have been `goal`, at the speed of the field if no other is given. */
  private run(goal: number, fixedSpeed?: number): void {
    this.loop.start(goal, () => fixedSpeed ?? speed());
    this.setState("running");
  }

  private stop(): void {
    this.loop.stop();
    this.setState("stopped");
  }

  private makeOneUpdate(): void {
    this.loop.stop();
    if (this.problem()) return;
    this.training.update();
    this.setState("stopped");
  }

  private progressed(isFinished: boolean): void {
    if (isFinished) this.setState("finished");
    else if (performance.now() - this.shownAt > SHOW_EVERY) this.show();
  }

  private setState(state: State): void {
    this.state = state;
    this.show();
  }

  private show(): void {
    const { texts, state, training } = this;
    this.shownAt = performance.now();
    const isRunning = state === "running";
    element("train").textContent = isRunning ? texts.stop : training.updates ? texts.goOn : texts.start;
    element("state").textContent = texts[state];
    if (!isRunning) training.evaluate();
    this.results.show(training, isRunning ? null : this.longSums(), texts);
    this.showSum();
  }

  private showSum(): void {
    const sum = this.addSum();
    if (sum) this.sumPanel.show(sum, this.training.lastEvaluation.evaluation.order, this.texts);
    this.store();
  }

  private addSum(): AddedSum | null {
    return this.sumPanel.add(this.training.adder, this.texts);
  }

  private longSums(): LongSums[] {
    const { adder, updates } = this.training;
    if (this.long?.adder !== adder || this.long.updates !== updates) {
      this.long = { adder, updates, sums: evaluateLongSums(adder) };
    }
    return this.long.sums;
  }

  private store(): void {
    const isSorted = element<HTMLInputElement>("sorted").checked;
    const { updates } = this.training;
    storeFields({
      lang: this.language,
      ...(isSorted ? { sorted: "1" } : {}),
      ...(updates ? { trained: `${updates}` } : {}),
    });
  }

  private save(): void {
    const { training } = this;
    const { adder, loss, shares, printed } = training;
    const weights = { W: adder.W.view, U: adder.U.view, V: adder.V.view };
    const content = {
      ...{ settings: adder.settings, updates: training.updates, weights },
      ...{ loss: { every: loss.every, points: loss.points }, shares, printed },
      ...{ evaluation: training.evaluate(), longSums: this.longSums(), sum: this.addSum() },
    };
    downloadJson("adder.json", content);
  }
}

void startPage(kernelsModule, TEXTS, (kernels) => new Page(kernels));
