// The form "start a training": the options of `elman train` for every task, with their help.

import { create, element } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import { numberProblem } from "../shared/number_fields.ts";
import { type Connection, LostError, type StudioList } from "./connection.ts";
import { input, select, setChoices } from "./fields.ts";
import type { Texts } from "./texts.ts";

interface Option {
  key: string;
  flag: string;
  help: string;
  default: string;
  choices: string[];
}

type Tasks = Record<string, { title: string; options: Option[] }>;

const MINUTES = "training.minutes"; // has a field of its own

export class NewTraining {
  private texts!: Texts;
  private tasks: Tasks = {};
  private list: StudioList | null = null;
  private fields: [string, HTMLInputElement | HTMLSelectElement][] = [];

  constructor(private readonly connection: Connection) {
    select("task").addEventListener("input", () => this.showOptions());
    select("data").addEventListener("input", () => this.suggestName());
    select("folder").addEventListener("input", () => this.suggestName());
    input("upload").addEventListener("change", () => void this.upload());
    element("new").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.start();
    });
  }

  async setLanguage(texts: Texts): Promise<void> {
    this.texts = texts;
    for (const id of ["new-state", "new-problem"]) element(id).textContent = "";
    await this.attempt(async () => {
      this.tasks = (await (await this.connection.get("api/options")).json()) as Tasks;
      setChoices(
        select("task"),
        Object.entries(this.tasks).map(([name, { title }]) => [name, title]),
      );
      this.showOptions();
    });
  }

  showList(list: StudioList): void {
    const isFirst = this.list === null;
    this.list = list;
    const hasFolder = list.folders.length > 0;
    element("new").hidden = !hasFolder;
    element("no-folder").hidden = hasFolder;
    setChoices(
      select("data"),
      list.data.map(({ name }) => [name, name]),
    );
    setChoices(
      select("folder"),
      list.folders.map((name) => [name, name]),
    );
    if (isFirst) this.suggestName();
  }

  /** Shows the options of the task. Values that the reader has entered stay, if the task has them, too. */
  private showOptions(): void {
    const task = this.tasks[select("task").value];
    if (task === undefined) return;
    element("data-help").textContent = this.texts[`dataHelp.${select("task").value}` as keyof Texts] ?? "";
    const entered = new Map(this.fields.map(([key, field]) => [key, field.value]));
    const options = task.options.filter(({ key }) => key !== MINUTES);
    this.fields = options.map((option) => [option.key, optionField(option)]);
    for (const [key, field] of this.fields) field.value = entered.get(key) ?? "";
    element("train-options").replaceChildren(
      ...options.map((option, i) => {
        const field = this.fields[i]![1];
        const text =
          option.default === ""
            ? option.help
            : fill(this.texts.optionHelp, { help: option.help, default: option.default });
        return create(
          "div",
          {},
          create("label", { for: field.id }, create("code", {}, option.flag)),
          field,
          create("p", { class: "help", id: `${field.id}-help` }, text),
        );
      }),
    );
  }

  /** A name from the data file, with a number if it is taken. A name that the reader has entered stays. */
  private suggestName(): void {
    const field = input("name");
    if (this.list === null || (field.value !== "" && field.value !== field.dataset["suggested"])) return;
    const file = select("data").value.split("/").at(-1)!;
    const stem =
      file
        .replace(/\.gz$/, "")
        .replace(/\.[^.]*$/, "")
        .replace(/[^\p{L}\p{N}_.-]+/gu, "-") || "run";
    const taken = new Set([...this.list.runs, ...this.list.models, ...this.list.trainings].map(({ name }) => name));
    let name = stem;
    for (let i = 2; taken.has(`${select("folder").value}/${name}`); i++) name = `${stem}-${i}`;
    field.value = field.dataset["suggested"] = name;
  }

  private async upload(): Promise<void> {
    const file = input("upload").files?.[0];
    if (file === undefined) return;
    await this.attempt(async () => {
      element("new-state").textContent = fill(this.texts.uploading, { name: file.name });
      const folder = select("folder").value;
      const response = await this.connection.post("api/files", file, { folder, name: file.name });
      const { data } = (await response.json()) as { data: string };
      const list = select("data");
      if (![...list.options].some(({ value }) => value === data)) list.append(create("option", { value: data }, data));
      list.value = data;
      this.suggestName();
      element("new-state").textContent = fill(this.texts.uploaded, { name: data });
    });
    input("upload").value = "";
  }

  private async start(): Promise<void> {
    const data = select("data").value;
    if (data === "") {
      element("new-problem").textContent = this.texts.noData;
      return;
    }
    const wrong = input("minutes").value ? numberProblem(["minutes"], this.texts) : null;
    if (wrong !== null) {
      element("new-problem").textContent = wrong.message;
      return;
    }
    const minutes = input("minutes").value;
    const entered = this.fields.map(([key, field]) => [key, field.value.trim()] as const);
    const options = Object.fromEntries([[MINUTES, minutes] as const, ...entered].filter(([, value]) => value !== ""));
    await this.attempt(async () => {
      const request = { task: select("task").value, data, folder: select("folder").value, name: input("name").value };
      const response = await this.connection.post("api/trainings", { ...request, options });
      const { run } = (await response.json()) as { run: string };
      element("new-state").textContent = fill(this.texts.started, { name: run });
      input("name").value = "";
    });
  }

  /** Does something; what goes wrong is shown. */
  private async attempt(action: () => Promise<void>): Promise<void> {
    for (const id of ["new-state", "new-problem"]) element(id).textContent = "";
    try {
      await action();
    } catch (error) {
      element("new-state").textContent = "";
      element("new-problem").textContent = error instanceof LostError ? this.texts.lost : (error as Error).message;
    }
  }
}

function optionField({ key, choices, default: text }: Option): HTMLInputElement | HTMLSelectElement {
  const id = `option-${key.replaceAll(".", "-")}`;
  const attributes = { id, "aria-describedby": `${id}-help` };
  if (choices.length === 0) return create("input", { ...attributes, type: "text", placeholder: text });
  const options = ["", ...choices].map((value) => create("option", { value }, value));
  return create("select", attributes, ...options);
}
