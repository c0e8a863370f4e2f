// Gates and states of some units as lines over the tokens.

import { Figure } from "../../panels/figure.ts";
import { drawLines, type LineChart } from "../../panels/line_chart.ts";
import type { LayerTrace } from "../../traces/trace.ts";
import { create } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import type { Choice } from "./choice.ts";
import type { Texts } from "./texts.ts";
import type { Part } from "./views.ts";

const MOST_UNITS = 4;

/** What is drawn: the layer, its tokens, those of them that are shown together, and the reader's choice. */
export interface UnitLinesView {
  layer: LayerTrace;
  tokens: readonly string[];
  part: Part;
  choice: Readonly<Choice>;
}

export class UnitLines {
  readonly element: HTMLElement;
  private readonly title = create("h2", {});
  private readonly help = create("p", { class: "help" });
  private readonly label = create("label", { for: "units" });
  private readonly units = create("input", { id: "units", type: "text" });
  private readonly problem = create("p", { id: "units-problem", role: "alert" });
  private readonly names = create("fieldset", { id: "lines" });
  private readonly gates = new Figure("gate-lines");
  private readonly states = new Figure("state-lines");
  private part: Part = { first: 0, end: 0 };

  constructor(private readonly choose: (choice: Partial<Choice>) => void) {
    const fields = create("div", { class: "fields" }, create("div", {}, this.label, this.units), this.names);
    const figures = [this.gates.element, this.states.element];
    this.element = create("section", { id: "unit-lines" }, this.title, this.help, fields, this.problem, ...figures);
    this.units.addEventListener("input", () => choose({ units: this.units.value.trim() }));
    this.units.setAttribute("aria-describedby", this.problem.id);
    this.names.addEventListener("input", () => choose({ lines: this.checkedNames() }));
  }

  show(view: UnitLinesView, texts: Texts): void {
    const { layer, choice } = view;
    this.part = view.part;
    const H = layer.arrays["h"]!.shape[1]!;
    const units = parseUnits(choice.units, choice.unit, H);
    this.title.textContent = texts.linesTitle;
    this.help.textContent = texts.linesHelp;
    this.label.textContent = texts.lineUnits;
    this.units.placeholder = `${choice.unit + 1}`;
    if (this.units.value.trim() !== choice.units) this.units.value = choice.units;
    const values = { given: choice.units, most: MOST_UNITS, units: `${H}` };
    this.problem.textContent = units === null ? fill(texts.wrongUnits, values) : "";
    this.showNames(layer, choice, texts);
    const names = shownNames(layer, choice);
    const [gates, states] = [gateNames(layer), layer.states];
    this.draw(
      this.gates,
      view,
      names.filter((name) => gates.includes(name)),
      units ?? [],
      texts.gateLinesTitle,
      texts,
    );
    this.draw(
      this.states,
      view,
      names.filter((name) => states.includes(name)),
      units ?? [],
      texts.stateLinesTitle,
      texts,
    );
  }

  private checkedNames(): string[] {
    const boxes = [...this.names.querySelectorAll("input")];
    return boxes.filter((box) => box.checked).map((box) => box.value);
  }

  private showNames(layer: LayerTrace, choice: Readonly<Choice>, texts: Texts): void {
    const names = lineNames(layer);
    const boxes = [...this.names.querySelectorAll("input")];
    if (boxes.map(({ value }) => value).join() !== names.join()) {
      const labels = names.map((name) =>
        create("label", { class: "choice" }, create("input", { type: "checkbox", value: name }), name),
      );
      this.names.replaceChildren(create("legend", {}), ...labels);
    }
    this.names.querySelector("legend")!.textContent = texts.lineNames;
    const shown = shownNames(layer, choice);
    for (const box of this.names.querySelectorAll("input")) box.checked = shown.includes(box.value);
  }

  /** A line for each array and unit; without any, the figure is hidden. A click selects a token. */
  private draw(
    figure: Figure,
    view: UnitLinesView,
    names: readonly string[],
    units: readonly number[],
    title: string,
    texts: Texts,
  ): void {
    figure.element.hidden = names.length * units.length === 0;
    if (figure.element.hidden) return;
    const picture = drawLines(unitChart(view, names, units, texts));
    const help = fill(texts.lineFigureHelp, { units: units.map((unit) => unit + 1).join(texts.comma) });
    figure.show(picture, title, help, texts.save);
    figure.picture.onclick = (event) => {
      const box = figure.picture.querySelector("svg")!.getBoundingClientRect();
      this.choose({ token: this.part.first + picture.stepAt(event.clientX - box.left) });
    };
  }
}

/** The gates that are no states: the gate of a simple network is its h. */
function gateNames({ gates, states }: LayerTrace): string[] {
  return gates.filter((gate) => !states.includes(gate));
}

function lineNames(layer: LayerTrace): string[] {
  return [...gateNames(layer), ...layer.states];
}

/** The chosen lines that the layer has; all of them if there is none: another layer may have other gates. */
function shownNames(layer: LayerTrace, { lines }: Readonly<Choice>): string[] {
  const names = lineNames(layer);
  const chosen = names.filter((name) => lines?.includes(name));
  return lines === null || (chosen.length === 0 && !lines.every((name) => name === "")) ? names : chosen;
}

/** The units of a text such as "3, 7", which count from 1; the selected one if it is empty; null if it is wrong. */
export function parseUnits(text: string, selected: number, H: number): number[] | null {
  if (text === "") return [selected];
  const units = [
    ...new Set(
      text
        .split(/[\s,，、;；]+/)
        .filter(Boolean)
        .map(Number),
    ),
  ];
  const isUnit = (unit: number) => Number.isInteger(unit) && unit >= 1 && unit <= H;
  if (units.length === 0 || units.length > MOST_UNITS || !units.every(isUnit)) return null;
  return units.map((unit) => unit - 1);
}

/** Of several units, an array has a colour and a unit has its dashes. */
function unitChart(
  { layer, tokens, part, choice }: UnitLinesView,
  names: readonly string[],
  units: readonly number[],
  texts: Texts,
): LineChart {
  const lines = names.flatMap((name, colour) =>
    units.map((unit, dashes) => ({ name, unit, ...(units.length > 1 ? { style: { colour, dashes } } : {}) })),
  );
  const valueOf = (name: string, unit: number) => {
    const { shape, values } = layer.arrays[layer.states.includes(name) ? name : `gate.${name}`]!;
    return Array.from({ length: part.end - part.first }, (_, t) => values[(part.first + t) * shape[1]! + unit]!);
  };
  return {
    series: lines.map(({ name, unit, ...style }) => ({
      name: fill(texts.lineName, { name, unit: `${unit + 1}` }),
      values: valueOf(name, unit),
      ...style,
    })),
    xLabel: texts.lineSteps,
    yLabel: texts.lineValue,
    xLabels: tokens.slice(part.first, part.end),
    hasTokens: true,
    selected: choice.token - part.first,
  };
}
