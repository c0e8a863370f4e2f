// The list of runs and models. A row whose content changes stays, with the keyboard's focus in it.

import { create } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import { setText } from "./fields.ts";
import { type Action, type Row } from "./run_rows.ts";
import type { Texts } from "./texts.ts";

export interface RunListListener {
  onSelect(selected: string[]): void;
  onStop(run: string): void;
  /** minutes: to add to the budget of a finished run; null continues one that was stopped. */
  onResume(run: string, minutes: number | null): void;
  onLook(model: string): void;
  onConfusion(run: string): void;
  onProblem(message: string): void;
}

const FIRST_MINUTES = 5;

export class RunList {
  readonly element = create("table", {});
  selected: string[] = [];
  private readonly rows = new Map<string, RowElement>();
  private shownTexts: Texts | null = null;

  constructor(private readonly listener: RunListListener) {}

  show(rows: readonly Row[], texts: Texts): void {
    if (this.shownTexts !== texts) this.clear(texts);
    for (const [name, { element }] of this.rows) {
      if (rows.some((row) => row.name === name)) continue;
      element.remove();
      this.rows.delete(name);
    }
    const body = this.element.tBodies[0]!;
    for (const [i, row] of rows.entries()) {
      const shown = this.rows.get(row.name) ?? new RowElement(row.name, texts, this.listener, () => this.select());
      this.rows.set(row.name, shown);
      shown.show(row, this.selected.includes(row.name));
      if (body.rows[i] !== shown.element) body.insertBefore(shown.element, body.rows[i] ?? null);
    }
  }

  private clear(texts: Texts): void {
    this.shownTexts = texts;
    this.rows.clear();
    const titles = [texts.show, texts.name, texts.task, texts.state, texts.updates, texts.time, texts.best];
    const cells = [...titles, texts.action].map((title) => create("th", { scope: "col" }, title));
    this.element.replaceChildren(create("thead", {}, create("tr", {}, ...cells)), create("tbody", {}));
  }

  private select(): void {
    this.selected = [...this.rows].filter(([, row]) => row.isSelected).map(([name]) => name);
    this.listener.onSelect(this.selected);
  }
}

class RowElement {
  readonly element = create("tr", {});
  private readonly box = create("input", { type: "checkbox" });
  private readonly cells: Record<"task" | "updates" | "time" | "best", HTMLElement>;
  private readonly state = create("span", {});
  private readonly progress = create("progress", { max: "1" });
  private readonly messages = create("pre", {});
  private readonly details: HTMLDetailsElement;
  private readonly actions = create("div", { class: "row" });
  private readonly lookButton: HTMLButtonElement;
  private readonly confusionButton: HTMLButtonElement;
  private action: Action | "unknown" = "unknown";

  constructor(
    private readonly name: string,
    private readonly texts: Texts,
    private readonly listener: RunListListener,
    onSelect: () => void,
  ) {
    const cell = (className: string) => create("td", { class: className });
    this.cells = { task: cell(""), updates: cell("number"), time: cell("number"), best: cell("best") };
    this.box.setAttribute("aria-label", fill(texts.showOf, { name }));
    this.box.addEventListener("change", onSelect);
    this.progress.setAttribute("aria-label", fill(texts.state, { name }));
    this.details = create("details", {}, create("summary", {}, texts.messages), this.messages);
    this.lookButton = this.button(texts.look, () => listener.onLook(name));
    this.confusionButton = this.button(texts.confusion, () => listener.onConfusion(name));
    const { task, updates, time, best } = this.cells;
    const state = create("td", { class: "state" }, this.state, this.progress, this.details);
    const title = create("th", { scope: "row" }, name);
    this.element.append(
      create("td", {}, this.box),
      title,
      task,
      state,
      updates,
      time,
      best,
      create("td", {}, this.actions),
    );
  }

  get isSelected(): boolean {
    return this.box.checked;
  }

  show(row: Row, isSelected: boolean): void {
    this.box.checked = isSelected;
    this.box.hidden = !row.hasCurves;
    this.element.classList.toggle("failed", row.isFailed);
    for (const name of ["task", "updates", "time", "best"] as const) setText(this.cells[name], row[name]);
    setText(this.state, row.state);
    setText(this.messages, row.messages);
    this.details.hidden = row.messages === "";
    this.progress.hidden = row.progress === null;
    this.progress.value = row.progress ?? 0;
    this.lookButton.hidden = !row.hasModel;
    this.confusionButton.hidden = !row.hasConfusion;
    if (row.action !== this.action) this.showAction(row.action);
  }

  private showAction(action: Action): void {
    const { texts, listener, name } = this;
    this.action = action;
    const children: HTMLElement[] = [];
    if (action === "stop") children.push(this.button(texts.stop, () => listener.onStop(name)));
    if (action === "resume") children.push(this.button(texts.resume, () => listener.onResume(name, null)));
    if (action === "more") {
      const minutes = create("input", { type: "number", min: "0.01", step: "any", value: `${FIRST_MINUTES}` });
      minutes.setAttribute("aria-label", fill(texts.moreMinutes, { name }));
      children.push(
        minutes,
        this.button(texts.trainMore, () => this.trainMore(minutes)),
      );
    }
    this.actions.replaceChildren(this.lookButton, this.confusionButton, ...children);
  }

  private trainMore(field: HTMLInputElement): void {
    const minutes = field.valueAsNumber;
    if (minutes > 0) this.listener.onResume(this.name, minutes);
    else this.listener.onProblem(fill(this.texts.wrongMinutes, { given: field.value || "–" }));
  }

  private button(text: string, action: () => void): HTMLButtonElement {
    const label = fill(this.texts.actionOf, { action: text, name: this.name });
    const button = create("button", { type: "button", "aria-label": label }, text);
    button.addEventListener("click", action);
    return button;
  }
}
