// The form "look inside": an input of a model, whose trace is shown in a frame and can be saved.

import { download, element } from "../shared/elements.ts";
import { fill, type Language } from "../shared/language.ts";
import { numberProblem } from "../shared/number_fields.ts";
import { type Connection, LostError, type StudioList } from "./connection.ts";
import { input, select, setChoices, setText } from "./fields.ts";
import { taskText } from "./run_rows.ts";
import type { Texts } from "./texts.ts";

const TARGETS = { classify: "targetLabel", tag: "targetTags", seq2seq: "targetText" } as const;
const MAX_TEXT = 1_000_000; // characters
const SHORT = 2000; // characters of an input that the address stores

export class LookInside {
  private texts!: Texts;
  private language!: Language;
  private tasks = new Map<string, string | null>();
  private trace: string | null = null;
  private wanted: string | null; // a model of the address, which is not in the list yet
  private isBusy = false;
  private message: () => string = () => "";
  private readonly frame = element<HTMLIFrameElement>("frame");

  constructor(
    private readonly connection: Connection,
    stored: URLSearchParams,
    private readonly onChange: () => void,
  ) {
    this.wanted = stored.get("model");
    this.text.value = stored.get("input") ?? "";
    input("gradients").checked = stored.get("gradients") === "1";
    element("look").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.look();
    });
    element("generate").addEventListener("click", () => void this.generate());
    element("save-trace").addEventListener("click", () => {
      download("trace.json", this.trace!, "application/json");
    });
    element("save-page").addEventListener("click", () => void this.savePage());
    for (const id of ["model", "input", "gradients"]) element(id).addEventListener("input", () => this.changed());
    this.frame.addEventListener("load", () => this.send());
  }

  /** What the address stores. A long input is left out. */
  get stored(): Record<string, string> {
    const text = this.text.value;
    return {
      ...(this.model ? { model: this.model } : {}),
      ...(text && text.length <= SHORT ? { input: text } : {}),
      ...(input("gradients").checked ? { gradients: "1" } : {}),
    };
  }

  setLanguage(language: Language, texts: Texts): void {
    this.language = language;
    this.texts = texts;
    this.frame.title = texts.lookTitle;
    element("look-problem").textContent = "";
    element("look-state").textContent = this.message();
    this.showFields();
    this.send();
  }

  showList(list: StudioList): void {
    const runs = list.runs.filter((run) => run.has_model);
    const models = [...runs, ...list.models.filter(({ problem }) => problem === "")];
    this.tasks = new Map(models.map(({ name, task }) => [name, task]));
    const choices = models.map(({ name, task }) => [name, `${name} (${taskText(task, this.texts)})`] as const);
    setChoices(select("model"), choices);
    if (this.wanted !== null && this.tasks.has(this.wanted)) {
      select("model").value = this.wanted;
      this.wanted = null;
    }
    setChoices(
      select("look-data"),
      list.data.map(({ name }) => [name, name]),
    );
    this.showFields();
  }

  /** Chooses a model and moves there. */
  choose(model: string): void {
    select("model").value = model;
    this.changed();
    element("look-title").scrollIntoView();
    (this.task === "forecast" ? select("look-data") : this.text).focus({ preventScroll: true });
  }

  private get text(): HTMLTextAreaElement {
    return element<HTMLTextAreaElement>("input");
  }

  private get model(): string {
    return select("model").value;
  }

  private get task(): string | null {
    return this.tasks.get(this.model) ?? null;
  }

  private changed(): void {
    this.showFields();
    this.onChange();
  }

  /** Shows the fields that a model of this task has. */
  private showFields(): void {
    const { task, texts } = this;
    const isShown: Record<string, boolean> = {
      "data-field": task === "forecast",
      "input-field": task !== "forecast",
      "target-field": task !== null && task in TARGETS,
      "beam-field": task === "seq2seq",
      "attribution-field": task !== "seq2seq" && task !== "forecast",
      "position-field": task === "lm" || task === "tag",
      generation: task === "lm",
    };
    for (const [id, shown] of Object.entries(isShown)) element(id).hidden = !shown;
    if (task !== null && task in TARGETS) {
      element("target-field").querySelector("label")!.textContent = texts[TARGETS[task as keyof typeof TARGETS]];
    }
    this.enable();
  }

  private enable(): void {
    const canLook = this.task !== null && !this.isBusy;
    for (const id of ["look-button", "generate"]) element<HTMLButtonElement>(id).disabled = !canLook;
    for (const id of ["save-trace", "save-page"]) {
      element<HTMLButtonElement>(id).disabled = this.trace === null || this.isBusy;
    }
    if (!this.isBusy) setText(element("look-state"), this.task === null ? this.texts.noModel : this.message());
  }

  private request(): object {
    const { model, task } = this;
    const gradients = input("gradients").checked;
    if (task === "forecast") return { model, data: select("look-data").value || null, gradients };
    const number = (id: string) => (isVisible(id) && input(id).value ? input(id).valueAsNumber : null);
    const word = (id: string) => (isVisible(id) && input(id).value ? input(id).value : null);
    const attribution = word("attribution");
    const position = attribution === null ? null : number("position");
    const options = { target: word("target"), beam: number("beam"), attribution, position };
    return { model, input: this.text.value, gradients, ...options };
  }

  private async look(): Promise<void> {
    if (!this.isValid(["beam", "position"].filter((id) => isVisible(id) && input(id).value))) return;
    const request = this.request();
    const { model } = this;
    await this.work(this.texts.looking, async () => {
      const response = await this.connection.post("api/trace", request);
      const characters = response.headers.get("X-Elman-Characters");
      const all = [...this.text.value].length;
      this.trace = await response.text();
      this.message = () =>
        characters === null
          ? fill(this.texts.looked, { model })
          : fill(this.texts.windowed, { all, shown: Number(characters) });
      if (this.frame.hidden) {
        this.frame.hidden = false;
        this.frame.src = this.connection.pageAddress("trace.html"); // its load sends the trace
      } else this.send();
    });
  }

  private async generate(): Promise<void> {
    if (!this.isValid(["max-tokens", "temperature", "seed"])) return;
    const values = { max_tokens: "max-tokens", temperature: "temperature", seed: "seed" };
    const numbers = Object.fromEntries(Object.entries(values).map(([name, id]) => [name, input(id).valueAsNumber]));
    const request = { model: this.model, prompt: this.text.value, ...numbers };
    const isDone = await this.work(this.texts.generating, async () => {
      const response = await this.connection.post("api/generate", request);
      this.text.value = ((await response.json()) as { text: string }).text;
      this.changed();
    });
    if (isDone) await this.look();
  }

  private async savePage(): Promise<void> {
    await this.work("", async () => {
      const page = await (await this.connection.get("trace.html")).text();
      const trace = this.trace!.replaceAll("<", "\\u003c"); // nothing in it ends the script
      download(
        "trace.html",
        page.replace(/(?<=id="trace">)(?=<\/script>)/, () => trace),
        "text/html",
      );
    });
  }

  /** Does something that takes a while, and returns whether it was done; what goes wrong is shown. */
  private async work(state: string, action: () => Promise<void>): Promise<boolean> {
    this.isBusy = true;
    element("look-problem").textContent = "";
    this.enable();
    element("look-state").textContent = state;
    let isDone = true;
    try {
      await action();
    } catch (error) {
      const text = error instanceof LostError ? this.texts.lost : (error as Error).message;
      element("look-problem").textContent = text;
      isDone = false;
    }
    this.isBusy = false;
    this.enable();
    return isDone;
  }

  /** Whether the numbers in fields are right, and the input is not too long; what is wrong is shown. */
  private isValid(ids: readonly string[]): boolean {
    const { texts } = this;
    const { length } = this.text.value;
    const tooLong = length > MAX_TEXT ? fill(texts.tooLong, { length, most: MAX_TEXT }) : "";
    const message = numberProblem(ids, texts)?.message ?? tooLong;
    element("look-problem").textContent = message;
    return message === "";
  }

  /** The frame has an origin of its own, so that nothing in a trace can use the studio. */
  private send(): void {
    if (this.trace === null || this.frame.hidden) return;
    this.frame.contentWindow?.postMessage({ trace: this.trace, language: this.language }, "*");
  }
}

function isVisible(id: string): boolean {
  return !element(`${id}-field`).hidden;
}
