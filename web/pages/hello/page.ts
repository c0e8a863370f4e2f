// The page "From hello to ohlol": a network learns to turn one text into another, character by character.

import kernelsModule from "../../../src/elman/web/kernels-float64.wasm";
import type { Kernels } from "../../kernels/module.ts";
import { Figure, onPaletteChange } from "../../panels/figure.ts";
import { drawHeatMap } from "../../panels/heat_map.ts";
import { drawLines } from "../../panels/line_chart.ts";
import { visible } from "../../panels/tokens.ts";
import { storedInAddress } from "../shared/address.ts";
import { create, downloadJson, element } from "../shared/elements.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { startPage } from "../shared/start.ts";
import { showTable } from "../shared/tables.ts";
import { TrainingLoop } from "../shared/training_loop.ts";
import {
  field,
  fieldProblem,
  otherProblem,
  readFields,
  readTask,
  storeFields,
  textIn,
  TRAINING_FIELDS,
} from "./settings.ts";
import { TEXTS, type Texts } from "./texts.ts";
import { Training } from "./training.ts";
import { ambiguousText, epochTable, lossChart, probabilityMap, sizeText, stepTable } from "./views.ts";

const MAX_EPOCHS = 2000; // of a training, because the page stores the output of every epoch
const SHOW_EVERY = 120; // milliseconds, during the training

const EXAMPLES = {
  "example-hello": ["hello", "ohlol"],
  "example-next": ["hell", "ello"],
  "example-chinese": ["红豆生南国", "国南生豆红"],
} as const;

type State = "ready" | "running" | "stopped" | "finished";

class Page {
  private language: Language;
  private training: Training | null = null;
  private state: State = "ready";
  private shownAt = 0;
  /** The epochs whose probabilities are shown; null for the last one. */
  private chosen: number | null = null;
  private readonly loss = new Figure("loss");
  private readonly probabilities = new Figure("probabilities");
  private readonly loop = new TrainingLoop(
    () => {
      this.training!.train();
      return this.training!.count;
    },
    (isFinished) => this.progressed(isFinished),
  );

  constructor(private readonly kernels: Kernels) {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    readFields(stored);
    element("loss").append(this.loss.element);
    element("probabilities").append(this.probabilities.element);
    translatePage(this.language, this.texts);
    this.listen();
    this.startAgain();
    const trained = Math.min(Math.floor(Number(stored.get("trained"))), MAX_EPOCHS);
    if (trained >= 1 && this.training) this.run(trained);
    if (stored.has("shown")) this.chosen = Math.max(0, Math.floor(Number(stored.get("shown")))) || 0;
  }

  private get texts(): Texts {
    return TEXTS[this.language];
  }

  private listen(): void {
    const onClick = (id: string, action: () => void) => element(id).addEventListener("click", action);
    onClick("language", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    onClick("train", () => (this.loop.isRunning ? this.stop() : this.train()));
    onClick("one", () => this.trainOneEpoch());
    onClick("again", () => this.startAgain());
    onClick("save", () => this.save());
    for (const [id, [source, target]] of Object.entries(EXAMPLES)) {
      onClick(id, () => {
        [field("source").value, field("target").value, field("other").value] = [source, target, target];
        this.startAgain();
      });
    }
    for (const name of TRAINING_FIELDS) field(name).addEventListener("input", () => this.startAgain());
    field("epochs").addEventListener("input", () => this.showProblem());
    field("other").addEventListener("input", () => this.showOther());
    element("epoch").addEventListener("input", () => {
      this.chosen = element<HTMLInputElement>("epoch").valueAsNumber;
      this.showSteps();
    });
    onPaletteChange(() => this.show());
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, this.texts);
    this.showProblem();
    this.show();
  }

  /** Returns whether something is wrong with the fields, which is shown. */
  private showProblem(): boolean {
    const problem = fieldProblem(this.texts);
    element("problem").textContent = problem;
    this.store();
    return problem !== "";
  }

  /** A network with random weights; none if something is wrong. */
  private startAgain(): void {
    this.loop.stop();
    this.training?.mapper.release();
    [this.training, this.chosen] = [null, null]; // nothing uses released memory, even if the new network fails
    if (!this.showProblem()) this.training = new Training(this.kernels, readTask());
    this.setState("ready");
  }

  private train(): void {
    if (this.training === null || this.showProblem()) return;
    const [{ count }, epochs] = [this.training, field("epochs").valueAsNumber];
    this.chosen = null;
    this.run(Math.min(count < epochs ? epochs : count + epochs, MAX_EPOCHS));
  }

  private run(goal: number): void {
    this.loop.start(goal, () => Infinity);
    this.setState("running");
  }

  private stop(): void {
    this.loop.stop();
    this.setState("stopped");
  }

  private trainOneEpoch(): void {
    this.loop.stop();
    if (this.training === null || this.showProblem()) return;
    this.chosen = null;
    this.training.train();
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
    const { texts, training, state } = this;
    this.shownAt = performance.now();
    element("hidden-field").hidden = field("logits").value === "state";
    element("train").textContent = this.trainLabel();
    const isFull = (training?.count ?? 0) >= MAX_EPOCHS;
    for (const id of ["train", "one"]) element<HTMLButtonElement>(id).disabled = training === null || isFull;
    element("results").hidden = training === null;
    element("ambiguous").textContent = training ? ambiguousText(training, texts) : "";
    if (training === null) return;
    element("state").textContent = texts[state];
    element("size").textContent = sizeText(training, texts);
    showTable(element("epoch-table"), epochTable(training, texts));
    element("epoch-table").scrollTop = element("epoch-table").scrollHeight;
    this.loss.show(drawLines(lossChart(training, texts)), texts.lossTitle, texts.lossHelp, texts.save);
    this.showSteps();
    this.showOther();
  }

  private trainLabel(): string {
    const { texts } = this;
    if (this.state === "running") return texts.stop;
    return this.training?.count ? texts.goOn : texts.train;
  }

  /** Shows the steps of the epoch that the reader has chosen, or of the last one. */
  private showSteps(): void {
    const { texts, training } = this;
    if (training === null) return;
    const index = Math.min(this.chosen ?? training.count, training.count);
    const slider = element<HTMLInputElement>("epoch");
    slider.max = `${training.count}`;
    slider.value = `${index}`;
    slider.disabled = training.count === 0;
    element("epoch-label").textContent = fill(texts.epochShown, { epoch: index });
    const title = fill(texts.mapTitle, { epoch: index });
    this.probabilities.show(drawHeatMap(probabilityMap(training, index)), title, texts.mapHelp, texts.save);
    showTable(element("step-table"), stepTable(training, index, texts));
    this.store();
  }

  private showOther(): void {
    const { texts, training } = this;
    if (training === null) return;
    const problem = otherProblem(training.task.characters, texts);
    element("other-problem").textContent = problem;
    element("other-output").replaceChildren();
    this.store();
    if (problem) return;
    const output = training.read(textIn("other")).ids.map((id) => visible(training.characterOf(id)));
    element("other-output").append(texts.otherOutput, " ", create("span", { class: "text" }, output.join("")));
  }

  private store(): void {
    storeFields({
      lang: this.language,
      ...(this.training?.count ? { trained: `${this.training.count}` } : {}),
      ...(this.chosen === null ? {} : { shown: `${this.chosen}` }),
    });
  }

  private save(): void {
    const { mapper, task, epochs } = this.training!;
    downloadJson("hello.json", { ...task, weights: mapper.weights, epochs });
  }
}

void startPage(kernelsModule, TEXTS, (kernels) => new Page(kernels));
