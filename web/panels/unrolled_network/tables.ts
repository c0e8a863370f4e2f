// Tables of the leaves, which the reader can edit: the sequence, the initial state and the weights, with their derivatives.

import { create } from "../../pages/shared/elements.ts";
import { agrees, describe } from "./explanation.ts";
import { shortNumber } from "../numbers.ts";
import { derivative, key, type NetworkNumber, type NetworkNumbers } from "./numbers.ts";
import type { PanelTexts } from "./texts.ts";

export interface TableView {
  showDerivatives: boolean;
  selected: NetworkNumber;
  /** The keys of the numbers that the selected one is computed from. */
  used: ReadonlySet<string>;
  isComputed(number: NetworkNumber): boolean;
}

/** The tables of the sequence, and those of the weights. */
export function leafTables(
  network: NetworkNumbers,
  view: TableView,
  texts: PanelTexts,
): [HTMLElement[], HTMLElement[]] {
  const tables = (names: string[]) => names.map((name) => table(network, name, view, texts));
  return [tables(["x", "targets", ...network.initialStates]), tables(network.parameters)];
}

const LETTERS: Record<string, string> = {
  x: "x",
  targets: "y*",
  h_initial: "h₀",
  c_initial: "c₀",
  b_ih: "b",
  b_hh: "b′",
};

function table(network: NetworkNumbers, name: string, view: TableView, texts: PanelTexts): HTMLElement {
  const numbers = network.all(name);
  const isVector = numbers[0]!.index.length === 1;
  const rows = Map.groupBy(numbers, ({ index }) => (isVector && !isOfGates(network, name) ? 0 : index[0]!));
  const words = texts[`name.${name}` as keyof PanelTexts];
  const letter = LETTERS[name] ?? name.replace("b_y", "bʸ");
  return create(
    "table",
    {},
    create("caption", {}, create("b", {}, letter), ` ${words}`),
    ...[...rows].map(([row, cells]) => {
      const heading = rowHeading(network, name, row);
      return create(
        "tr",
        {},
        ...(heading ? [create("th", { scope: "row" }, heading)] : []),
        ...cells.map((number) => cell(network, number, view, texts)),
      );
    }),
  );
}

function isOfGates(network: NetworkNumbers, name: string): boolean {
  return network.cell !== "elman" && (name === "b_ih" || name === "b_hh");
}

/** The step of a row of inputs, the gate and the unit of a row of weights. */
function rowHeading(network: NetworkNumbers, name: string, row: number): string {
  if (name === "x" || name === "targets") return `${row + 1}`;
  if (network.cell === "elman" || !["W", "U", "b_ih", "b_hh"].includes(name)) return "";
  return `${network.gates[Math.floor(row / network.H)]}${(row % network.H) + 1}`;
}

function cell(network: NetworkNumbers, number: NetworkNumber, view: TableView, texts: PanelTexts): HTMLElement {
  const input = create("input", {
    type: "number",
    step: "any",
    class: view.used.has(key(number)) ? "used" : "",
    "data-edit": key(number),
    value: `${network.value(number)}`,
    "aria-label": describe(network, number, texts),
  });
  const d = derivative(number);
  if (!view.showDerivatives || !network.has(d)) return create("td", {}, input);
  const isComputed = view.isComputed(d);
  const tick = isComputed && agrees(network, d) ? " ✓" : "";
  const text = isComputed ? shortNumber(network.value(d)) + tick : "·";
  const button = create(
    "button",
    {
      type: "button",
      class: key(d) === key(view.selected) ? "derivative selected" : "derivative",
      "data-key": key(d),
      ...(key(d) === key(view.selected) ? { "aria-current": "true" } : {}),
      "aria-label": `${describe(network, d, texts)}: ${isComputed ? text : texts.notComputed}`,
    },
    text,
  );
  return create("td", {}, input, button);
}

const FIELDS = "[data-edit], [data-key]";

/** Gives the fields and buttons in `place` the contents of those in new tables, so that the focus stays where it is. */
export function updateFields(place: HTMLElement, tables: readonly HTMLElement[]): boolean {
  const old = [...place.querySelectorAll<HTMLElement>(FIELDS)];
  const replacing = tables.flatMap((one) => [...one.querySelectorAll<HTMLElement>(FIELDS)]);
  const names = (fields: HTMLElement[]) => fields.map(({ dataset }) => `${dataset["edit"]} ${dataset["key"]}`).join();
  if (old.length === 0 || names(old) !== names(replacing)) return false;
  const captions = place.querySelectorAll("caption");
  tables.forEach((one, i) => captions[i]!.replaceWith(one.querySelector("caption")!));
  old.forEach((field, i) => {
    const other = replacing[i]!;
    for (const name of ["class", "aria-label", "aria-current"]) {
      const value = other.getAttribute(name);
      if (value === null) field.removeAttribute(name);
      else field.setAttribute(name, value);
    }
    if (field instanceof HTMLInputElement) field.value = (other as HTMLInputElement).value;
    else field.textContent = other.textContent;
  });
  return true;
}
