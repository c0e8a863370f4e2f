// The page "Attention learns to reverse a sequence": what the reader enters, and what the worker answers.

import workerCode from "worker-code";

import { reversalVocabulary, symbolsOf } from "../../model/reversal.ts";
import type { Vocabulary } from "../../model/vocabulary.ts";
import { Figure, onPaletteChange } from "../../panels/figure.ts";
import { shortNumber } from "../../panels/numbers.ts";
import { storedInAddress } from "../shared/address.ts";
import { download, downloadJson, element } from "../shared/elements.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { startWorker } from "../shared/worker.ts";
import { Charts, type Lengths, percent } from "./charts.ts";
import { diagonalShares } from "./diagonal.ts";
import { field, NAMES, randomSequence, readFields, readSequence, readSettings, type Settings } from "./fields.ts";
import { storeFields } from "./fields.ts";
import { attentionTable, drawAttention, type View } from "./matrix.ts";
import type { Moment, Reply, Request } from "./protocol.ts";
import { TEXTS, type Texts } from "./texts.ts";

const MODEL_NAME = "my-reversal";
const MOST_LENGTHS = 40;

type OfRun<T> = T extends unknown ? Omit<T, "run"> : never;
type Replied<Type extends Reply["type"]> = Extract<Reply, { type: Type }>;

class Page {
  private language: Language;
  private readonly worker = startWorker(workerCode);
  private readonly attention = new Figure("attention");
  private readonly charts = new Charts();
  private run = 0;
  /** Of the present network. */
  private settings: Settings | null = null;
  private vocabulary: Vocabulary = reversalVocabulary(2);
  private state: "preparing" | "running" | "stopped" = "preparing";
  private status: () => string = () => "";
  private failure: () => string = () => "";
  private moments: Moment[] = [];
  private view: (View & { moment: number }) | null = null;
  private lengths: Lengths | null = null;
  private isMeasuring = false;

  constructor() {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    readFields(stored);
    element("attention").append(this.attention.element);
    this.listen();
    this.setLanguage(this.language);
    this.create();
  }

  private get texts(): Texts {
    return TEXTS[this.language];
  }

  private listen(): void {
    const on = (id: string, type: string, action: () => void) => element(id).addEventListener(type, action);
    on("language", "click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    for (const name of NAMES) on(name, "input", () => this.change(name === "sequence"));
    on("train", "click", () => this.create() && this.train());
    on("stop", "click", () => (this.state === "running" ? this.stop() : this.train()));
    on("random", "click", () => {
      if (this.settings) field("sequence").value = randomSequence(this.settings.options);
      this.change(true);
    });
    on("moment", "input", () => this.look());
    on("numbers", "toggle", () => this.showTable());
    on("measure", "click", () => this.measure());
    on("save", "click", () => this.save());
    on("save-numbers", "click", () => this.saveNumbers());
    onPaletteChange(() => this.show());
    this.worker.addEventListener(
      "message",
      ({ data }: MessageEvent<Reply>) => data.run === this.run && this.receive(data),
    );
    this.worker.addEventListener("error", ({ message }) => {
      this.receive({ run: this.run, type: "failed", reason: "other", detail: message });
    });
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, this.texts);
    storeFields(language);
    this.checkFields();
    this.readSequence();
    this.show();
  }

  private send(request: OfRun<Request>): void {
    this.worker.postMessage({ run: this.run, ...request } as Request);
  }

  /** The settings in the fields, or null if one is wrong, which is shown. */
  private checkFields(): Settings | null {
    const settings = readSettings(this.texts);
    const isWrong = "problem" in settings;
    element("problem").textContent = isWrong ? settings.problem : this.failure();
    return isWrong ? null : settings;
  }

  /** Takes a change of a field. A network that is not trained is made again; others stay until the reader trains. */
  private change(isSequence: boolean): void {
    storeFields(this.language);
    const isUntrained = this.state !== "running" && this.moments.length <= 1;
    if (isSequence) this.look();
    else if (isUntrained) this.create();
    else this.checkFields();
    this.show();
  }

  /** Starts a new network. Returns whether the fields allow it. */
  private create(): boolean {
    this.failure = () => "";
    const settings = this.checkFields();
    if (settings === null) return false;
    this.settings = settings;
    this.vocabulary = reversalVocabulary(settings.options.symbols);
    this.run += 1;
    [this.moments, this.view, this.lengths, this.isMeasuring] = [[], null, null, false];
    this.state = "preparing";
    this.status = () => this.texts.statePreparing;
    this.send({ type: "create", options: settings.options });
    this.show();
    return true;
  }

  private train(): void {
    const settings = this.checkFields();
    if (settings === null) return;
    this.state = "running";
    const last = this.moments.at(-1);
    if (last) this.showRunning(last);
    this.send({ type: "train", updates: settings.updates });
    this.show();
  }

  private stop(): void {
    this.send({ type: "stop" });
    element<HTMLButtonElement>("stop").disabled = true; // until it has stopped
  }

  /** The ids of the reader's sequence, or null if it is wrong, which is shown. */
  private readSequence(): number[] | null {
    if (this.settings === null) return null;
    const sequence = readSequence(this.settings.options.symbols, this.texts);
    const isWrong = "problem" in sequence;
    element("sequence-problem").textContent = isWrong ? sequence.problem : "";
    return isWrong ? null : sequence.ids;
  }

  private get selectedMoment(): number {
    return element<HTMLInputElement>("moment").valueAsNumber;
  }

  /** Asks for the attention of the sequence at the selected moment. */
  private look(): void {
    const source = this.readSequence();
    this.showMoment();
    if (source !== null && this.moments.length) this.send({ type: "look", moment: this.selectedMoment, source });
  }

  /** The greatest length that is tried. */
  private get mostLength(): number {
    return Math.min(2 * this.settings!.options.longest, MOST_LENGTHS);
  }

  private measure(): void {
    this.isMeasuring = true;
    this.send({ type: "lengths", moment: this.selectedMoment, most: this.mostLength });
    this.show();
  }

  private save(): void {
    const symbols = symbolsOf(this.settings!.options.symbols);
    const card = `# Encoder-decoder\n\n${fill(this.texts.card, { symbols })}\n`;
    this.send({ type: "save", moment: this.selectedMoment, name: MODEL_NAME, card });
  }

  private saveNumbers(): void {
    const { settings, moments, view, lengths } = this;
    const { tokens } = this.vocabulary;
    downloadJson("attention.json", { ...settings, tokens, moments, shown: view, lengths });
  }

  private receive(reply: Reply): void {
    switch (reply.type) {
      case "created":
        this.state = this.state === "preparing" ? "stopped" : this.state;
        this.status = () => fill(this.texts.stateCreated, reply);
        break;
      case "moment":
        return this.addMoment(reply.moment);
      case "progress":
        this.showRunning(reply);
        break;
      case "stopped":
        this.finish(reply);
        break;
      case "looked":
        this.view = reply;
        return this.showView();
      case "lengths":
        [this.lengths, this.isMeasuring] = [reply, false];
        break;
      case "saved":
        return download(`${MODEL_NAME}.zip`, reply.zip as Uint8Array<ArrayBuffer>, "application/zip");
      case "failed":
        this.fail(reply);
        break;
    }
    this.show();
  }

  /** Adds a moment, and selects it if the last one was selected. */
  private addMoment(moment: Moment): void {
    const slider = element<HTMLInputElement>("moment");
    const follows = this.moments.length === 0 || this.selectedMoment === this.moments.length - 1;
    this.moments.push(moment);
    slider.max = `${this.moments.length - 1}`;
    if (follows) slider.value = slider.max;
    if (this.state === "running") this.showRunning(moment);
    if (follows) this.look();
    this.show();
  }

  private showRunning({ update, loss }: { update: number; loss: number }): void {
    this.status = () => fill(this.texts.stateRunning, { update, loss: shortNumber(loss) });
  }

  private finish({ update, seconds }: Replied<"stopped">): void {
    const { loss, exact } = this.moments.at(-1)!;
    const values = { update, seconds: seconds.toFixed(1), loss: shortNumber(loss), exact: percent(exact) };
    this.state = "stopped";
    this.status = () => fill(this.texts.stateStopped, values);
  }

  private fail({ reason, detail }: Replied<"failed">): void {
    [this.state, this.isMeasuring] = ["preparing", false];
    this.status = () => "";
    this.failure = () => fill(this.texts[reason], { detail });
    this.checkFields();
  }

  private show(): void {
    this.showControls();
    this.showMoment();
    this.showView();
    this.charts.showTraining(this.moments, this.texts);
    if (this.settings) this.charts.showLengths(this.lengths, this.moments, this.settings.options, this.texts);
  }

  private showControls(): void {
    const { texts, state, moments } = this;
    const stop = element<HTMLButtonElement>("stop");
    element("state").textContent = this.status();
    stop.textContent = state === "running" ? texts.stop : texts.goOn;
    stop.disabled = state === "preparing" || (state === "stopped" && moments.length <= 1);
    element<HTMLButtonElement>("train").disabled = false;
    const settings = readSettings(texts);
    const isChanged = JSON.stringify(settings) !== JSON.stringify(this.settings) && !("problem" in settings);
    element("note").textContent = isChanged ? texts.noteChanged : "";
    for (const id of ["measure", "save", "save-numbers"]) {
      element<HTMLButtonElement>(id).disabled = state === "preparing" || moments.length === 0;
    }
    if (this.isMeasuring) element<HTMLButtonElement>("measure").disabled = true;
    element("measure-state").textContent = this.isMeasuring ? fill(texts.measuring, { most: this.mostLength }) : "";
    const sequence = this.readSequence();
    element("command").hidden = sequence === null;
    const symbols = sequence?.map((id) => this.vocabulary.tokens[id]!).join("");
    element("save-command").textContent = symbols ? `echo ${symbols} | elman predict ${MODEL_NAME}` : "";
  }

  private showMoment(): void {
    const slider = element<HTMLInputElement>("moment");
    const moment = this.moments[this.selectedMoment];
    const text = fill(this.texts.moment, { update: moment?.update ?? 0 });
    element("moment-label").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    slider.disabled = this.state === "preparing" || this.moments.length <= 1;
  }

  private showView(): void {
    const { view, texts, vocabulary } = this;
    element("shown").hidden = view === null;
    if (view === null) return;
    const { written, weights } = view.reversal;
    const write = (ids: readonly number[]) => ids.map((id) => vocabulary.tokens[id]!).join("");
    const target = write(view.source.toReversed());
    const isCorrect = write(written) === target;
    element("written").textContent = write(written) || "–";
    element("verdict").textContent = isCorrect ? texts.correct : fill(texts.wrong, { target });
    this.attention.show(drawAttention(view, vocabulary), texts.chartTitle, texts.chartHelp, texts.save);
    const symbols = view.source.length;
    const { on, right, mean } = diagonalShares({ weights, symbols });
    const values = { rows: symbols, on, right, mean: mean.toFixed(3) };
    element("diagonal").textContent = fill(texts.diagonal, values);
    this.showTable();
  }

  /** The table is made only where the reader has opened it. */
  private showTable(): void {
    if (this.view === null || !element<HTMLDetailsElement>("numbers").open) return;
    element("table").replaceChildren(attentionTable(this.view, this.vocabulary, this.texts));
  }
}

new Page();
