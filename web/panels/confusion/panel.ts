// The panel "confusion matrix": a heat map of true and predicted labels, and the examples behind the selected cell.
//
//   const panel = new ConfusionPanel("confusion", CONFUSION_TEXTS.en);
//   page.append(panel.element);
//   panel.show(confusion);
//
// It computes nothing but shares of counts. All texts of the data set are shown as text, with visible control characters.

import { create } from "../../pages/shared/elements.ts";
import { fill } from "../../pages/shared/language.ts";
import { Figure, onPaletteChange } from "../figure.ts";
import { drawHeatMap } from "../heat_map.ts";
import { visible } from "../tokens.ts";
import { type Cell, type Confusion, examplesOf, largestConfusions, rowTotal, shareOf } from "./data.ts";
import { exampleTable } from "./example_table.ts";
import type { ConfusionTexts } from "./texts.ts";

const MOST_NUMBERED = 20; // labels of a matrix whose cells show their counts
const NUMBERED_CELL = { width: 44, height: 24 };
const SMALL_CELL = { width: 20, height: 18 };
const LARGEST = 8; // confusions that have a button
const MOVES: Record<string, Cell> = {
  ArrowUp: { row: -1, column: 0 },
  ArrowDown: { row: 1, column: 0 },
  ArrowLeft: { row: 0, column: -1 },
  ArrowRight: { row: 0, column: 1 },
};

export class ConfusionPanel {
  readonly element = create("div", { class: "confusion-panel" });
  /** Is called when the reader has selected another cell. */
  onChoice: () => void = () => {};
  private confusion: Confusion | null = null;
  private cell: Cell | null = null;
  private cellAt: ReturnType<typeof drawHeatMap>["cellAt"] | null = null;
  private readonly figure: Figure;
  private readonly parts = makeParts();

  /** name: of the files that are saved. */
  constructor(
    name: string,
    private texts: ConfusionTexts,
  ) {
    this.figure = new Figure(name);
    const { summary, leftOut, largest, fields, status, examples } = this.parts;
    this.element.append(summary, leftOut, this.figure.element, largest, fields, status, examples);
    this.listen();
  }

  /** The selected cell, which an address can store. The panel selects one itself if this one does not exist. */
  get selected(): Cell | null {
    return this.cell;
  }

  set selected(cell: Cell | null) {
    this.cell = cell;
    this.render();
  }

  show(confusion: Confusion, texts: ConfusionTexts = this.texts): void {
    [this.confusion, this.texts] = [confusion, texts];
    this.render();
  }

  private listen(): void {
    const { picture } = this.figure;
    const { expected, predicted, largest } = this.parts;
    picture.addEventListener("click", (event) => {
      const box = picture.querySelector("svg")!.getBoundingClientRect();
      const cell = this.cellAt?.(event.clientX - box.left, event.clientY - box.top);
      if (cell) this.select(cell);
    });
    picture.addEventListener("keydown", (event) => this.pressKey(event));
    for (const list of [expected, predicted]) {
      list.addEventListener("input", () =>
        this.select({ row: Number(expected.value), column: Number(predicted.value) }),
      );
    }
    largest.addEventListener("click", (event) => {
      const { row, column } = (event.target as HTMLElement).dataset;
      if (row !== undefined) this.select({ row: Number(row), column: Number(column) });
    });
    onPaletteChange(() => this.render());
  }

  private pressKey(event: KeyboardEvent): void {
    const move = MOVES[event.key];
    if (move === undefined || this.confusion === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const last = this.confusion.labels.length - 1;
    const moved = (value: number) => Math.min(Math.max(value, 0), last);
    const { row, column } = this.cell!;
    this.select({ row: moved(row + move.row), column: moved(column + move.column) });
  }

  private select(cell: Cell): void {
    this.selected = cell;
    this.onChoice();
  }

  private render(): void {
    const { confusion, texts, parts } = this;
    if (confusion === null) return;
    const cell = fitCell(confusion, this.cell);
    this.cell = cell;
    const unit = texts[`unit.${confusion.task}`];
    const { count, correct, labelsLeftOut, labels } = confusion;
    parts.summary.textContent = fill(texts.summary, { count, correct, unit, share: percent(correct / count) });
    parts.leftOut.hidden = labelsLeftOut === 0;
    parts.leftOut.textContent = fill(labelsLeftOut === 1 ? texts.leftOutOne : texts.leftOut, {
      shown: labels.length - 1,
      count: labelsLeftOut,
    });
    this.renderPicture(confusion, cell);
    this.renderLargest(confusion, cell);
    this.renderFields(cell);
    const shown = examplesOf(confusion, cell);
    const inCell = confusion.counts[cell.row]![cell.column]!;
    const described = fill(texts.cell, {
      ...{ true: this.name(cell.row), predicted: this.name(cell.column), unit },
      ...{ count: inCell, total: rowTotal(confusion, cell.row), share: percent(shareOf(confusion, cell)) },
    });
    const note = fill(texts.mostProbable, { count: shown.length });
    parts.status.textContent = inCell > shown.length ? described + texts.betweenSentences + note : described;
    parts.examples.hidden = shown.length === 0;
    parts.examples.setAttribute("aria-label", texts.examples);
    parts.examples.replaceChildren(exampleTable(shown, confusion.task, texts));
  }

  private renderPicture(confusion: Confusion, cell: Cell): void {
    const { texts } = this;
    const size = confusion.labels.length;
    const names = confusion.labels.map((_, row) => this.name(row));
    const isNumbered = size <= MOST_NUMBERED;
    const counts = confusion.counts.flat();
    const picture = drawHeatMap({
      values: counts.map((count, i) => count && count / rowTotal(confusion, Math.floor(i / size))),
      ...{ rows: size, columns: size, rowLabels: names, columnLabels: names, isShare: true, framed: [cell] },
      cell: isNumbered ? NUMBERED_CELL : SMALL_CELL,
      ...(isNumbered ? { cellTexts: counts.map((count) => (count ? count.toLocaleString("en") : "")) } : {}),
      hasSteepLabels: true,
      corner: [texts.cornerPredicted, texts.cornerTrue],
    });
    this.cellAt = picture.cellAt;
    this.figure.show(picture, texts.title, texts.help, texts.save);
  }

  private renderLargest(confusion: Confusion, selected: Cell): void {
    const { texts, parts } = this;
    const buttons = largestConfusions(confusion, LARGEST).map(({ row, column }) => {
      const values = { true: this.name(row), predicted: this.name(column), count: confusion.counts[row]![column]! };
      const isSelected = row === selected.row && column === selected.column;
      const attributes = { "data-row": `${row}`, "data-column": `${column}`, "aria-pressed": `${isSelected}` };
      return create("button", { type: "button", ...attributes }, fill(texts.largestButton, values));
    });
    const focused = (document.activeElement as HTMLElement | null)?.dataset ?? {};
    parts.largestTitle.textContent = texts.largest;
    const noButton = confusion.correct === confusion.count ? texts.noneWrong : texts.onlyOthersWrong;
    parts.buttons.replaceChildren(...(buttons.length ? buttons : [noButton]));
    // The button that has been pressed keeps the focus.
    if (parts.buttons.isConnected && "row" in focused) {
      buttons
        .find(({ dataset }) => dataset["row"] === focused["row"] && dataset["column"] === focused["column"])
        ?.focus();
    }
  }

  private renderFields({ row, column }: Cell): void {
    const { texts, parts } = this;
    for (const [list, title, label, chosen] of [
      [parts.expected, parts.expectedTitle, texts.true, row],
      [parts.predicted, parts.predictedTitle, texts.predicted, column],
    ] as const) {
      title.textContent = label;
      const names = this.confusion!.labels.map((_, i) => this.name(i));
      list.replaceChildren(...names.map((name, i) => create("option", { value: `${i}` }, name)));
      list.value = `${chosen}`;
    }
  }

  /** The label of a row and column. */
  private name(row: number): string {
    const label = this.confusion!.labels[row];
    return label === null || label === undefined ? this.texts.otherLabels : visible(label);
  }
}

function makeParts() {
  const [expected, predicted] = [create("select", {}), create("select", {})];
  const [expectedTitle, predictedTitle, largestTitle] = [create("span", {}), create("span", {}), create("h3", {})];
  const buttons = create("p", { class: "row" });
  return {
    summary: create("p", {}),
    leftOut: create("p", { class: "help" }),
    largest: create("div", { class: "largest" }, largestTitle, buttons),
    largestTitle,
    buttons,
    fields: create(
      "div",
      { class: "fields" },
      create("label", {}, expectedTitle, expected),
      create("label", {}, predictedTitle, predicted),
    ),
    expected,
    predicted,
    expectedTitle,
    predictedTitle,
    status: create("p", { role: "status" }),
    examples: create("div", { class: "examples wide-table", role: "region", tabindex: "0" }),
  };
}

/** The cell, if the matrix has it; else the one of the most wrong predictions, or the first one. */
function fitCell(confusion: Confusion, cell: Cell | null): Cell {
  const isPlace = (value: number) => Number.isInteger(value) && value >= 0 && value < confusion.labels.length;
  if (cell !== null && isPlace(cell.row) && isPlace(cell.column)) return cell;
  return largestConfusions(confusion, 1)[0] ?? { row: 0, column: 0 };
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
