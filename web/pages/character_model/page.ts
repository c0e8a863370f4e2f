// The page "Train a character model": what the reader enters, and what the worker answers.

import type { Cell } from "../../kernels/stack.ts";
import tangPoems from "../../../src/elman/labs/tang_poems.txt";
import { storedInAddress } from "../shared/address.ts";
import { download, element } from "../shared/elements.ts";
import { fieldNumber, wrongNumber } from "../shared/number_fields.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { startWorker } from "../shared/worker.ts";
import { LossChart } from "./chart.ts";
import { type Field, field, FIELDS, readFields, storeFields } from "./fields.ts";
import { decodeText } from "./files.ts";
import type { GenerateRequest, Reply, Request } from "./protocol.ts";
import sonnets from "./sonnets.txt"; // 18, 29, 30, 55, 60, 73, 116 and 130
import workerCode from "worker-code";
import { TEXTS, type Texts } from "./texts.ts";
import { TraceWindow } from "./trace_window.ts";

const MIN_CHARACTERS = 20;
const MAX_CHARACTERS = 20_000_000;
const LARGE_VOCABULARY = 512; // characters, as elman.tasks.language_model.defaults
const MODEL_NAME = "my-model";
const MAX_TRACED = 2000; // characters
const COUNT_DELAY = 200; // milliseconds after the last key

class Page {
  private language: Language;
  private texts: Texts;
  private readonly worker = startWorker(workerCode);
  private readonly chart: LossChart;
  private status: () => string = () => this.texts.stateWaiting;
  private note: () => string = () => "";
  private data: () => string = () => "";
  private state: "idle" | "running" | "paused" = "idle";
  private lastGenerated: GenerateRequest | null = null;
  private unsaved = false;
  private readonly traceWindow = new TraceWindow();
  /** A number of updates in place of minutes, from the URL: it gives the same weights every time. */
  private readonly steps: number;

  constructor() {
    const stored = storedInAddress();
    readFields(stored);
    this.steps = Math.max(0, Math.floor(Number(stored.get("steps") ?? 0)));
    this.language = languageOf(stored);
    this.texts = TEXTS[this.language];
    const text = element<HTMLTextAreaElement>("text");
    if (text.value === "") text.value = this.language === "zh" ? tangPoems : sonnets;
    this.chart = new LossChart(element("chart"), this.texts);
    this.listen();
    this.translate();
    this.countCharacters();
    if (this.steps) field("minutes").disabled = true;
  }

  private listen(): void {
    const on = (id: string, type: string, action: () => void) => element(id).addEventListener(type, action);
    on("language", "click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    on("example-en", "click", () => this.setText(sonnets));
    on("example-zh", "click", () => this.setText(tangPoems));
    on("open", "click", () => element("file").click());
    on("file", "change", () => void this.openFile());
    let timer: ReturnType<typeof setTimeout> | undefined;
    on("text", "input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.countCharacters(), COUNT_DELAY);
    });
    on("train", "click", () => this.train());
    on("pause", "click", () => this.pauseOrContinue());
    on("generate", "click", () => this.generate());
    on("inspect", "click", () => this.inspect());
    on("save", "click", () => this.save());
    for (const name of Object.keys(FIELDS)) on(name, "change", () => this.storeFields());
    field("prompt").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !element<HTMLButtonElement>("generate").disabled) this.generate();
    });
    this.worker.addEventListener("message", (event: MessageEvent<Reply>) => this.receive(event.data));
    this.worker.addEventListener("error", (event) => {
      this.receive({ type: "failed", reason: "other", detail: event.message });
    });
    addEventListener("beforeunload", (event) => {
      if (this.unsaved) event.preventDefault();
    });
  }

  private setLanguage(language: Language): void {
    this.language = language;
    this.texts = TEXTS[language];
    this.chart.setTexts(this.texts);
    this.translate();
    this.countCharacters();
    this.storeFields();
  }

  private translate(): void {
    translatePage(this.language, this.texts);
    this.showPause();
    this.show();
    this.showSaveHelp();
  }

  private storeFields(): void {
    storeFields({ lang: this.language, ...(this.steps ? { steps: `${this.steps}` } : {}) });
    this.showSaveHelp();
  }

  private setText(text: string): void {
    element<HTMLTextAreaElement>("text").value = text;
    this.countCharacters();
  }

  private countCharacters(): void {
    const text = this.text;
    const values = { characters: countOf(text), different: new Set(text).size };
    element("text-size").textContent = fill(this.texts.textSize, values);
  }

  /** The text, without halves of characters. */
  private get text(): string {
    return element<HTMLTextAreaElement>("text").value.replace(/\p{Surrogate}/gu, "\ufffd");
  }

  private async openFile(): Promise<void> {
    const input = element<HTMLInputElement>("file");
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    const text = decodeText(await file.arrayBuffer());
    if (text !== null) this.setText(text);
    this.showProblem(text === null ? fill(this.texts.notText, { name: file.name }) : "");
  }

  /** The numbers in some fields, or null after showing what is wrong with the first wrong one in the element `problem`. */
  private numbers(names: readonly Field[], problem: string): number[] | null {
    const wrong = names.find((name) => fieldNumber(field(name)) === null);
    if (wrong === undefined) return names.map((name) => fieldNumber(field(name))!);
    this.showProblem(fill(this.texts.wrongNumber, wrongNumber(field(wrong))), problem);
    field(wrong).focus();
    return null;
  }

  /** What is wrong with a text, or nothing. */
  private problemOf(characters: number): string {
    if (characters === 0) return this.texts.emptyText;
    if (characters < MIN_CHARACTERS) return fill(this.texts.shortText, { characters, least: MIN_CHARACTERS });
    if (characters > MAX_CHARACTERS) return fill(this.texts.longText, { characters, most: MAX_CHARACTERS });
    return "";
  }

  private train(): void {
    const text = this.text;
    const problem = this.problemOf(countOf(text));
    this.showProblem(problem);
    if (problem) return element("text").focus();
    const numbers = this.numbers(["units", "layers", "minutes", "seed"], "problem");
    if (numbers === null) return;
    const [units, layers, minutes, seed] = numbers as [number, number, number, number];
    const options = {
      cell: field("cell").value as Cell,
      embeddingSize: Math.min(units, new Set(text).size > LARGE_VOCABULARY ? 128 : 64),
      hiddenSize: units,
      numLayers: layers,
      seed,
    };
    const budget = this.steps ? { steps: this.steps } : { seconds: minutes * 60 };
    this.status = () => this.texts.statePreparing;
    this.send({ type: "train", text, options, budget });
    this.show();
  }

  private pauseOrContinue(): void {
    this.send({ type: this.state === "running" ? "pause" : "continue" });
    if (this.state === "paused") this.setState("running");
  }

  private generate(): void {
    const id = "generate-problem";
    this.showProblem("", id);
    const numbers = this.numbers(["temperature", "length", "draw"], id);
    if (numbers === null) return;
    const [temperature, maxTokens, seed] = numbers as [number, number, number];
    this.lastGenerated = { type: "generate", prompt: field("prompt").value, temperature, maxTokens, seed };
    this.send(this.lastGenerated);
  }

  /** Shows what happens inside the network on the generated text, or on the sample, in a window of its own. */
  private inspect(): void {
    const text = element("output").textContent || element("sample").textContent;
    if (text === "") return; // there is no sample yet
    this.traceWindow.open();
    this.send({ type: "trace", text: [...text].slice(-MAX_TRACED).join("") });
  }

  private save(): void {
    const card = [
      "# Language model",
      "",
      "Continues text, one character at a time. Made in a browser with elman; runs without PyTorch.",
      "",
      "```",
      `elman generate ${MODEL_NAME} --prompt "..." --temperature 0.7`,
      "```",
      "",
    ].join("\n");
    this.send({ type: "save", name: MODEL_NAME, card });
  }

  private send(request: Request): void {
    this.worker.postMessage(request);
  }

  private receive(reply: Reply): void {
    switch (reply.type) {
      case "started":
        this.chart.clear();
        element("sample").textContent = "";
        element<HTMLProgressElement>("progress").value = 0;
        this.data = () => fill(this.texts.stateStarted, reply);
        this.note = () => "";
        this.setState("running");
        this.allowUse(true);
        break;
      case "progress": {
        this.unsaved = true;
        element<HTMLProgressElement>("progress").value = reply.progress;
        this.chart.add(reply.step, "training", reply.loss);
        const left = Math.round((reply.seconds / reply.progress) * (1 - reply.progress));
        const values = { step: reply.step, loss: reply.loss.toFixed(3), speed: Math.round(reply.speed), left };
        this.status = () => fill(this.texts.stateRunning, values);
        break;
      }
      case "validated":
        this.chart.add(reply.step, "validation", reply.loss);
        element("sample").textContent = reply.sample;
        this.note = () => (reply.overfitting ? this.texts.overfitting : "");
        break;
      case "paused":
        this.setState("paused");
        this.status = () => fill(this.texts.statePaused, { step: reply.step });
        break;
      case "finished":
        this.finish(reply);
        break;
      case "generated": {
        element("output").textContent = (this.lastGenerated?.prompt ?? "") + reply.text;
        const characters = reply.unknown.join(" ");
        element("unknown").textContent = characters ? fill(this.texts.unknown, { characters }) : "";
        break;
      }
      case "traced":
        this.showProblem(reply.trace === null ? this.texts.memory : "", "generate-problem");
        this.traceWindow.show(reply.trace, this.language);
        break;
      case "saved":
        this.unsaved = false;
        download(`${MODEL_NAME}.zip`, reply.zip as Uint8Array<ArrayBuffer>, "application/zip");
        break;
      case "failed":
        this.setState("idle");
        this.allowUse(false);
        this.unsaved = false;
        this.status = () => this.texts.stateWaiting;
        this.showProblem(fill(this.texts[reply.reason], { detail: reply.detail }));
        break;
    }
    this.show();
  }

  private finish(reply: Extract<Reply, { type: "finished" }>): void {
    this.setState("idle");
    element<HTMLProgressElement>("progress").value = 1;
    const values = { step: reply.step, seconds: reply.seconds.toFixed(1), speed: Math.round(reply.speed) };
    this.status = () => fill(this.texts.stateFinished, values);
    const { best } = reply;
    this.note = () => (best ? fill(this.texts.stateBest, { step: best.step, loss: best.loss.toFixed(3) }) : "");
  }

  private setState(state: "idle" | "running" | "paused"): void {
    this.state = state;
    element<HTMLButtonElement>("pause").disabled = state === "idle";
    this.showPause();
  }

  /** Whether there is a model to generate with and to save. */
  private allowUse(allowed: boolean): void {
    for (const id of ["generate", "inspect", "save"]) element<HTMLButtonElement>(id).disabled = !allowed;
  }

  private showPause(): void {
    element("pause").textContent = this.state === "paused" ? this.texts.continue : this.texts.pause;
  }

  private show(): void {
    element("data").textContent = this.data();
    element("state").textContent = this.status();
    element("note").textContent = this.note();
  }

  private showProblem(problem: string, id = "problem"): void {
    element(id).textContent = problem;
  }

  private showSaveHelp(): void {
    const [temperature, length, seed] = [field("temperature"), field("length"), field("draw")].map((f) => f.value);
    element("save-command").textContent =
      `elman generate ${MODEL_NAME} --prompt "..." --max-tokens ${length} --temperature ${temperature} --seed ${seed}`;
  }
}

/** The number of characters, of which some have two code units. */
function countOf(text: string): number {
  let count = 0;
  for (const character of text) if (character) count += 1;
  return count;
}

new Page();
