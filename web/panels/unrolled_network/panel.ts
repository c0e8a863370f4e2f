// The panel "unrolled network": a picture of all numbers, the explanation of the selected one, and tables to edit.
//
//   const panel = new UnrolledNetwork(element, texts, { edit: (number, value) => ..., changed: () => ... });
//   panel.show(trace);
//
// It draws a trace (web/model/network_trace.ts) and computes nothing itself. Whoever changes a number makes another trace.

import { create, download } from "../../pages/shared/elements.ts";
import { fill } from "../../pages/shared/language.ts";
import { svgToPng } from "../svg.ts";
import { type Trace, traceToJson } from "../../traces/trace.ts";
import { operandsOf } from "./derivations.ts";
import { draw, type View } from "./drawing.ts";
import { describe, explain } from "./explanation.ts";
import { toSvg, toTikz } from "./exports.ts";
import { fullNumber, shortNumber } from "../numbers.ts";
import { layOut, type Layout, NODE_WIDTH } from "./layout.ts";
import { derivative, isDerivative, key, type NetworkNumber, NetworkNumbers, withoutDerivative } from "./numbers.ts";
import { leafTables, updateFields } from "./tables.ts";
import type { PanelTexts } from "./texts.ts";

export interface PanelEvents {
  /** The reader has entered another value for a leaf. */
  edit(number: NetworkNumber, value: number): void;
  /** Another number is selected, or an option has changed. */
  changed(): void;
}

/** The state of a panel that an address stores. */
export interface PanelState {
  selected: string;
  derivatives: boolean;
  hide: boolean;
}

const FILE_NAME = "network";

export class UnrolledNetwork {
  private network!: NetworkNumbers;
  private trace!: Trace;
  private layout!: Layout;
  private selected!: NetworkNumber;
  private places = new Map<string, number>();
  private readonly parts = makeParts();

  constructor(
    element: HTMLElement,
    private texts: PanelTexts,
    private readonly events: PanelEvents,
    private readonly initial: PanelState,
  ) {
    element.classList.add("unrolled-network");
    element.append(...this.parts.all);
    this.parts.derivatives.checked = initial.derivatives;
    this.parts.hide.checked = initial.hide;
    this.listen(element);
  }

  /** Shows another trace. The selected number stays selected if the network still has it. */
  show(trace: Trace): void {
    this.trace = trace;
    this.parts.problem.textContent = "";
    this.network = new NetworkNumbers(trace);
    const { order } = this.network;
    this.places = new Map(order.map((number, place) => [key(number), place]));
    this.selected = this.network.find(this.selected ? key(this.selected) : this.initial.selected) ?? order[0]!;
    if (isDerivative(this.selected)) this.parts.derivatives.checked = true;
    this.render();
  }

  setTexts(texts: PanelTexts): void {
    this.texts = texts;
    this.render();
  }

  get state(): PanelState {
    const { derivatives, hide } = this.parts;
    return { selected: key(this.selected), derivatives: derivatives.checked, hide: hide.checked };
  }

  private listen(element: HTMLElement): void {
    const { parts } = this;
    const onClick = (button: HTMLElement, action: () => void) => button.addEventListener("click", action);
    onClick(parts.first, () => this.go(0));
    onClick(parts.previous, () => this.go(this.place - 1));
    onClick(parts.next, () => this.go(this.place + 1));
    onClick(parts.last, () => this.go(Infinity));
    onClick(parts.saveSvg, () => download(`${FILE_NAME}.svg`, toSvg(this.network, this.view), "image/svg+xml"));
    onClick(parts.savePng, () => {
      void svgToPng(toSvg(this.network, this.view)).then((png) => download(`${FILE_NAME}.png`, png, "image/png"));
    });
    onClick(parts.saveTikz, () => download(`${FILE_NAME}.tex`, toTikz(this.network, this.view), "text/x-tex"));
    onClick(parts.saveTrace, () => download(`${FILE_NAME}.json`, traceToJson(this.trace), "application/json"));
    parts.derivatives.addEventListener("change", () => this.changeDerivatives());
    parts.hide.addEventListener("change", () => this.changed());
    element.addEventListener("click", (event) => {
      const target = (event.target as Element).closest<HTMLElement>("[data-key]");
      const number = target && this.network.find(target.dataset["key"]!);
      if (number) this.select(number, true);
    });
    element.addEventListener("change", (event) => this.edit(event.target as HTMLInputElement));
    parts.svg.addEventListener("keydown", (event) => this.pressKey(event));
    parts.tables.addEventListener("keydown", (event) => this.pressKey(event));
  }

  /** The place of the selected number in the order of computation; -1 for a leaf. */
  private get place(): number {
    return this.places.get(key(this.selected)) ?? -1;
  }

  /** Selects the number at a place in the order of computation, or at the nearest place that exists. */
  private go(place: number, takesFocus = false): void {
    const { order } = this.network;
    this.select(order[Math.min(Math.max(place, 0), order.length - 1)]!, takesFocus);
  }

  private select(number: NetworkNumber, takesFocus: boolean): void {
    this.selected = number;
    if (isDerivative(number)) this.parts.derivatives.checked = true;
    this.changed();
    if (takesFocus) this.focusSelected();
  }

  private focusSelected(): void {
    const id = CSS.escape(key(this.selected));
    const target = this.parts.svg.querySelector<SVGElement>(`[data-key="${id}"]`);
    const inTables = this.parts.tables.querySelector<HTMLElement>(`[data-key="${id}"], [data-edit="${id}"]`);
    (target ?? inTables)?.focus();
  }

  private changeDerivatives(): void {
    if (!this.parts.derivatives.checked && isDerivative(this.selected)) {
      const inner = withoutDerivative(this.selected);
      this.selected = this.network.has(inner) ? inner : this.network.order[0]!;
    }
    this.changed();
  }

  private changed(): void {
    this.render();
    this.events.changed();
  }

  private pressKey(event: KeyboardEvent): void {
    const actions: Record<string, () => void> = {
      ArrowRight: () => this.go(this.place + 1, true),
      ArrowLeft: () => this.go(this.place - 1, true),
      ArrowUp: () => this.move(-1),
      ArrowDown: () => this.move(1),
      Home: () => this.go(0, true),
      End: () => this.go(Infinity, true),
    };
    const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : actions[event.key];
    if (!action || !(event.target as Element).closest("[data-key]")) return;
    event.preventDefault();
    action();
  }

  /** Selects the nearest number above or below, among the values or among the derivatives. */
  private move(direction: -1 | 1): void {
    const isBackward = isDerivative(this.selected);
    const here = this.layout.nodes.get(key(isBackward ? withoutDerivative(this.selected) : this.selected));
    if (!here) return;
    const distance = ({ x, y }: { x: number; y: number }) => Math.abs(y - here.y) * 100 + Math.abs(x - here.x);
    const others = [...this.layout.nodes.values()]
      .filter(({ number, y }) => (y - here.y) * direction > 0 && (!isBackward || this.network.has(derivative(number))))
      .sort((a, b) => distance(a) - distance(b));
    if (others[0]) this.select(isBackward ? derivative(others[0].number) : others[0].number, true);
  }

  private edit(input: HTMLInputElement): void {
    const text = input.dataset["edit"];
    const number = text === undefined ? null : this.network.find(text);
    if (!number) return;
    const value = input.valueAsNumber;
    const name = describe(this.network, number, this.texts);
    const isNumber = Number.isFinite(value);
    this.parts.problem.textContent = isNumber ? "" : fill(this.texts.wrongNumber, { name, given: input.value || "–" });
    if (isNumber) this.events.edit(number, value);
  }

  private get view(): View {
    const isComputed = this.isComputed;
    return {
      selected: this.selected,
      used: new Set(operandsOf(this.network, this.selected).map(key)),
      showDerivatives: this.parts.derivatives.checked,
      isComputed,
      describe: (number) => {
        const value = isComputed(number) ? shortNumber(this.network.value(number)) : this.texts.notComputed;
        return `${describe(this.network, number, this.texts)}: ${value}`;
      },
      columnTitle: (step) => (step === 0 ? this.texts.initialState : fill(this.texts.step, { step })),
    };
  }

  /** Whether a number is shown: numbers after the selected one can be hidden, but leaves are always shown. */
  private readonly isComputed = (number: NetworkNumber): boolean => {
    if (!this.parts.hide.checked) return true;
    const place = this.places.get(key(number));
    return place === undefined || place <= this.place;
  };

  private render(): void {
    const { parts, network, texts, view } = this;
    this.layout = layOut(network, view.showDerivatives);
    const { width, height } = this.layout;
    parts.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    parts.svg.setAttribute("width", `${width}`);
    parts.svg.setAttribute("height", `${height}`);
    parts.svg.setAttribute("aria-label", texts.graph);
    parts.svg.innerHTML = draw(network, this.layout, view);
    const first = parts.svg.querySelector(".number");
    if (!parts.svg.querySelector('[tabindex="0"]')) first?.setAttribute("tabindex", "0"); // a weight is selected
    this.scrollToSelected();
    parts.explanation.replaceChildren(...explain(network, this.selected, texts));
    this.renderTables(view);
    this.renderTexts();
  }

  /** Where the picture is wider than its frame, moves it until the selected number is in sight. */
  private scrollToSelected(): void {
    const { graph } = this.parts;
    const inner = isDerivative(this.selected) ? withoutDerivative(this.selected) : this.selected;
    const node = this.layout.nodes.get(key(inner));
    if (!node) return;
    const [left, right] = [node.x - NODE_WIDTH, node.x + NODE_WIDTH - graph.clientWidth];
    graph.scrollLeft = Math.min(Math.max(graph.scrollLeft, right), left);
  }

  private renderTables(view: View): void {
    const [sequence, weights] = leafTables(this.network, view, this.texts);
    for (const [place, tables] of [
      [this.parts.sequence, sequence],
      [this.parts.weights, weights],
    ] as const) {
      if (!updateFields(place, tables)) place.replaceChildren(...tables);
    }
  }

  private renderTexts(): void {
    const { parts, network, texts } = this;
    const total = this.trace.facts["loss"] as number;
    const isComputed = this.isComputed({ name: "loss", index: [network.T - 1] });
    parts.loss.textContent = isComputed ? fill(texts.totalLoss, { loss: fullNumber(total) }) : "";
    const isFinite = network.order.every((number) => Number.isFinite(network.value(number)));
    parts.warning.textContent = isFinite ? "" : texts.exploded;
    const values = { position: this.place + 1, count: network.order.length };
    parts.position.textContent = this.place < 0 ? "" : fill(texts.position, values);
    const labels = { first: "|◀", previous: "◀", next: "▶", last: "▶|" } as const;
    for (const [name, sign] of Object.entries(labels) as [keyof typeof labels, string][]) {
      parts[name].textContent = sign;
      parts[name].setAttribute("aria-label", texts[name]);
      parts[name].title = texts[name];
    }
    parts.derivativesText.textContent = texts.showDerivatives;
    parts.hideText.textContent = texts.hideLater;
    for (const name of ["saveSvg", "savePng", "saveTikz", "saveTrace"] as const) parts[name].textContent = texts[name];
    parts.sequenceTitle.textContent = texts.inputsTitle;
    parts.weightsTitle.textContent = texts.weightsTitle;
  }
}

/** The elements of the panel, without texts. */
function makeParts() {
  const button = () => create("button", { type: "button" });
  const checkbox = () => create("input", { type: "checkbox" });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "group");
  const [first, previous, next, last] = [button(), button(), button(), button()];
  const [saveSvg, savePng, saveTikz, saveTrace] = [button(), button(), button(), button()];
  const [derivatives, hide] = [checkbox(), checkbox()];
  const [derivativesText, hideText] = [create("span", {}), create("span", {})];
  const position = create("output", {});
  const explanation = create("div", { class: "explanation", "aria-live": "polite" });
  const loss = create("p", { class: "loss" });
  const warning = create("p", { role: "alert" });
  const problem = create("p", { role: "alert" });
  const [sequence, weights] = [create("div", { class: "tables" }), create("div", { class: "tables" })];
  const [sequenceTitle, weightsTitle] = [create("h2", {}), create("h2", {})];
  const graph = create("div", { class: "graph" }, svg);
  const tables = create("div", {}, sequenceTitle, sequence, weightsTitle, weights, problem);
  const all = [
    create("div", { class: "row" }, first, previous, next, last, position),
    create(
      "div",
      { class: "row" },
      create("label", {}, derivatives, derivativesText),
      create("label", {}, hide, hideText),
    ),
    graph,
    warning,
    loss,
    explanation,
    tables,
    create("div", { class: "row" }, saveSvg, savePng, saveTikz, saveTrace),
  ];
  return {
    ...{ all, graph, svg, first, previous, next, last, position, saveSvg, savePng, saveTikz, saveTrace },
    ...{ derivatives, hide, derivativesText, hideText, explanation, loss, warning, problem },
    ...{ tables, sequence, weights, sequenceTitle, weightsTitle },
  };
}
