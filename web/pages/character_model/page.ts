// The page "Train a character model": what the reader enters, and what the worker answers.

import type { Cell } from "../../kernels/stack.ts";
import tangPoems from "../../../src/elman/labs/tang_poems.txt";
import { LossChart } from "./chart.ts";
import type { GenerateRequest, Reply, Request } from "./protocol.ts";
import sonnets from "./sonnets.txt";
import workerCode from "worker-code";
import { fill, type Language, TEXTS, type Texts } from "./texts.ts";

const MIN_CHARACTERS = 20;
const MAX_CHARACTERS = 20_000_000;
const LARGE_VOCABULARY = 512; // characters, as elman.tasks.language_model.defaults
const MODEL_NAME = "my-model";
const COUNT_DELAY = 200; // milliseconds after the last key

/** The fields that are kept in the URL, and their first values. */
const FIELDS = {
  cell: "lstm",
  units: "128",
  layers: "1",
  minutes: "1",
  seed: "1",
  prompt: "",
  temperature: "0.7",
  length: "300",
  draw: "1",
};
type Field = keyof typeof FIELDS;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function field(name: Field): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

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
  /** A number of updates in place of minutes, from the URL: it gives the same weights every time. */
  private readonly steps: number;

  constructor() {
    const stored = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(FIELDS) as Field[]) {
      field(name).value = stored.get(name) ?? FIELDS[name];
      if (field(name).value === "") field(name).value = FIELDS[name]; // a cell that does not exist
    }
    this.steps = Math.max(0, Math.floor(Number(stored.get("steps") ?? 0)));
    const asked = stored.get("lang") ?? new URLSearchParams(location.search).get("lang");
    this.language = (asked ?? navigator.language).startsWith("zh") ? "zh" : "en";
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
    const { texts } = this;
    document.documentElement.lang = this.language === "zh" ? "zh-CN" : "en";
    document.title = `${texts.title} – elman`;
    for (const target of document.querySelectorAll<HTMLElement>("[data-text]")) {
      target.textContent = texts[target.dataset.text as keyof Texts];
    }
    for (const target of document.querySelectorAll<HTMLElement>("[data-label]")) {
      target.setAttribute("aria-label", texts[target.dataset.label as keyof Texts]);
    }
    element("language").lang = this.language === "zh" ? "en" : "zh-CN";
    this.showPause();
    this.show();
    this.showSaveHelp();
  }

  private storeFields(): void {
    const stored = new URLSearchParams({ lang: this.language, ...(this.steps ? { steps: `${this.steps}` } : {}) });
    for (const name of Object.keys(FIELDS) as Field[]) stored.set(name, field(name).value);
    history.replaceState(null, "", `#${stored}`);
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
    const bytes = await file.arrayBuffer();
    for (const encoding of ["utf-8", "gb18030"]) {
      try {
        const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
        if (text.includes("\0")) break;
        this.showProblem("");
        return this.setText(text);
      } catch {
        continue; // another encoding
      }
    }
    this.showProblem(fill(this.texts.notText, { name: file.name }));
  }

  /** The number in a field, or null after showing what is wrong with it. */
  private number(name: Field, problem = "problem"): number | null {
    const input = field(name);
    const value = input.valueAsNumber;
    const [least, most] = [Number(input.min), Number(input.max)];
    const isWhole = input.step !== "1" || Number.isInteger(value);
    if (value >= least && value <= most && isWhole) return value;
    const label = document.querySelector(`label[for=${name}]`)!.textContent ?? name;
    this.showProblem(fill(this.texts.wrongNumber, { name: label, given: input.value || "–", least, most }), problem);
    input.focus();
    return null;
  }

  private train(): void {
    const text = this.text;
    const characters = countOf(text);
    const problem =
      characters === 0
        ? this.texts.emptyText
        : characters < MIN_CHARACTERS
          ? fill(this.texts.shortText, { characters, least: MIN_CHARACTERS })
          : characters > MAX_CHARACTERS
            ? fill(this.texts.longText, { characters, most: MAX_CHARACTERS })
            : "";
    this.showProblem(problem);
    if (problem) return element("text").focus();
    const units = this.number("units");
    const layers = units === null ? null : this.number("layers");
    const minutes = layers === null ? null : this.number("minutes");
    const seed = minutes === null ? null : this.number("seed");
    if (units === null || layers === null || minutes === null || seed === null) return;
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
    const temperature = this.number("temperature", id);
    const maxTokens = temperature === null ? null : this.number("length", id);
    const seed = maxTokens === null ? null : this.number("draw", id);
    if (temperature === null || maxTokens === null || seed === null) return;
    this.lastGenerated = { type: "generate", prompt: field("prompt").value, temperature, maxTokens, seed };
    this.send(this.lastGenerated);
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
      case "saved":
        this.unsaved = false;
        download(`${MODEL_NAME}.zip`, reply.zip);
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
    for (const id of ["generate", "save"]) element<HTMLButtonElement>(id).disabled = !allowed;
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
    const values = { name: MODEL_NAME, temperature: field("temperature").value, seed: field("draw").value };
    element("save-help").textContent = fill(this.texts.saveHelp, values);
  }
}

function startWorker(code: string): Worker {
  return new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}

/** The number of characters, of which some have two code units. */
function countOf(text: string): number {
  let count = 0;
  for (const character of text) if (character) count += 1;
  return count;
}

function download(name: string, content: Uint8Array): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content as Uint8Array<ArrayBuffer>], { type: "application/zip" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

new Page();
