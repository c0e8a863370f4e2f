// The page "Inside the network": a trace, which `elman inspect --page` has written into the page, or a file of the reader.

import { softmax } from "../../model/softmax.ts";
import { candidates, candidateTable } from "../../panels/probabilities.ts";
import { ColouredText } from "../../panels/coloured_text.ts";
import { Figure, onPaletteChange } from "../../panels/figure.ts";
import { type Components, drawComponents, principalComponents } from "../../panels/components.ts";
import { drawHeatMap } from "../../panels/heat_map.ts";
import { visible } from "../../panels/tokens.ts";
import { type Feature, FEATURES, findUnits, marks } from "../../panels/unit_search.ts";
import { type LayerTrace, type NamedArray, type Trace, traceFromJson } from "../../traces/trace.ts";
import { storedInAddress } from "../shared/address.ts";
import { create, element } from "../shared/elements.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { type Choice, readChoice, storeChoice } from "./choice.ts";
import { about, isMixed, layerText, setOptions } from "./fields.ts";
import { TEXTS, type Texts } from "./texts.ts";
import { UnitLines } from "./unit_lines.ts";
import {
  arrayNames,
  arrayText,
  hasUnits,
  nextTokens,
  type Part,
  partOf,
  statesMap,
  tokenValues,
  type TraceFigure,
  traceFigures,
} from "./views.ts";

const SHOWN_CANDIDATES = 10;
const SHOWN_UNITS = 8;
const DIGITS = 4;

class Page {
  private language: Language;
  private trace: Trace | null = null;
  private choice: Choice;
  private problem: () => string = () => "";
  private readonly text = new ColouredText((token) => this.choose({ token }, true));
  private readonly states = new Figure("states");
  private readonly lines = new UnitLines((choice) => this.choose(choice));
  private readonly components = new Figure("components");
  private cached: { array: NamedArray; first: number; components: Components } | null = null;
  private figures: [TraceFigure, Figure][] = [];
  private cellAt: ReturnType<typeof drawHeatMap>["cellAt"] | null = null;

  constructor() {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    this.choice = readChoice(stored);
    element("text").append(this.text.element);
    element("figures").before(this.lines.element);
    this.listen();
    const embedded = element("trace").textContent;
    if (embedded.trim()) this.open(embedded, document.title);
    else this.problem = () => this.texts.noTrace;
    this.setLanguage(this.language);
  }

  private get texts(): Texts {
    return TEXTS[this.language];
  }

  private listen(): void {
    const onChange = (id: string, action: (value: string) => void) =>
      element(id).addEventListener("input", (event) => action((event.target as HTMLInputElement).value));
    element("language").addEventListener("click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    element("open").addEventListener("click", () => element("file").click());
    element("file").addEventListener("change", () => void this.openFile());
    for (const [id, step] of [
      ["part-before", -1],
      ["part-after", 1],
    ] as const) {
      element(id).addEventListener("click", () => this.changePart(step));
    }
    onChange("layer", (value) => this.choose({ layer: Number(value) }));
    onChange("array", (value) => this.choose({ array: value }));
    onChange("unit", (value) => {
      if (Number.isInteger(Number(value)) && Number(value) >= 1) this.choose({ unit: Number(value) - 1 });
    });
    onChange("temperature", (value) => this.choose({ temperature: Number(value) }));
    onChange("feature", (value) => this.choose({ feature: value as Feature }));
    onChange("own", (value) => this.choose({ own: value }));
    element("found").addEventListener("click", (event) => {
      const { unit } = (event.target as HTMLElement).dataset;
      if (unit !== undefined) this.choose({ unit: Number(unit) });
    });
    this.states.picture.addEventListener("click", (event) => {
      const box = this.states.picture.querySelector("svg")!.getBoundingClientRect();
      const cell = this.cellAt?.(event.clientX - box.left, event.clientY - box.top);
      if (cell) this.choose({ unit: cell.row, token: this.part.first + cell.column });
    });
    onPaletteChange(() => this.show());
    addEventListener("message", (event) => this.receive(event));
  }

  private async openFile(): Promise<void> {
    const input = element<HTMLInputElement>("file");
    const file = input.files?.[0];
    input.value = "";
    if (file) this.open(await file.text(), file.name);
    this.show();
  }

  /** A notebook sends the trace to the frame that this page is in. */
  private receive({ source, data }: MessageEvent<{ trace?: unknown; language?: Language }>): void {
    if (source !== window.parent || source === window || typeof data?.trace !== "string") return;
    this.open(data.trace, "");
    this.setLanguage(data.language ?? this.language);
  }

  private open(json: string, name: string): void {
    try {
      this.trace = traceFromJson(json);
      this.problem = () => "";
    } catch (error) {
      const detail = (error as Error).message;
      this.problem = () => fill(this.texts.damaged, { name, detail });
      return;
    }
    this.figures = traceFigures(this.trace).map((figure) => [figure, new Figure(figure.name)]);
    element("figures").replaceChildren(
      this.states.element,
      this.components.element,
      ...this.figures.map(([, figure]) => figure.element),
    );
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, this.texts);
    this.show();
  }

  /** The tokens that are shown. */
  private get part(): Part {
    const { layer, token } = this.choice;
    const { trace } = this;
    return trace === null ? { first: 0, end: 0 } : partOf(token, trace.axes[trace.layers[layer]!.axis]!.length);
  }

  /** Selects the first token of the next part, or the last one of the part before, if there is one. */
  private changePart(step: 1 | -1): void {
    const { first, end } = this.part;
    this.choose({ token: step > 0 ? end : Math.max(0, first - 1) });
  }

  private choose(choice: Partial<Choice>, takesFocus = false): void {
    Object.assign(this.choice, choice);
    this.show();
    if (takesFocus) element("text").querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** Makes the choice fit the trace: an address may be of another one. */
  private fitChoice(trace: Trace): LayerTrace {
    const { choice } = this;
    choice.layer = Math.min(choice.layer, trace.layers.length - 1);
    const layer = trace.layers[choice.layer]!;
    const names = arrayNames(trace, layer);
    if (!names.includes(choice.array)) choice.array = names.includes("attribution") ? "attribution" : names[0]!;
    choice.unit = Math.min(choice.unit, layer.arrays["h"]!.shape[1]! - 1);
    choice.token = Math.min(choice.token, trace.axes[layer.axis]!.length - 1);
    const tokens = trace.axes[layer.axis]!;
    choice.feature ??= FEATURES.find((feature) => isMixed(marks(tokens, feature, choice.own))) ?? FEATURES[0]!;
    if (!(choice.temperature >= 0 && choice.temperature <= 2)) choice.temperature = 1;
    return layer;
  }

  private show(): void {
    const { trace, texts } = this;
    element("problem").textContent = this.problem();
    element("content").hidden = trace === null;
    element("about").textContent = trace === null ? "" : about(trace, texts);
    if (trace === null) return;
    const hasLayers = trace.layers.length > 0; // a TDNN has none
    for (const id of ["text-section", "next", "search"]) element(id).hidden = !hasLayers;
    for (const { element } of [this.states, this.lines, this.components]) element.hidden = !hasLayers;
    if (hasLayers) this.showLayer(trace, this.fitChoice(trace));
    for (const [figure, frame] of this.figures) {
      frame.show(figure.draw(texts), texts[figure.title], texts[figure.help], texts.save);
    }
    storeChoice(this.language, this.choice);
  }

  private showLayer(trace: Trace, layer: LayerTrace): void {
    this.showFields(trace, layer);
    this.showText(trace, layer);
    this.showNext(trace, layer);
    this.showSearch(trace, layer);
    this.showStates(trace, layer);
    const view = { layer, tokens: trace.axes[layer.axis]!, part: this.part, choice: this.choice };
    this.lines.show(view, this.texts);
    this.showComponents(trace, layer);
  }

  private showFields(trace: Trace, layer: LayerTrace): void {
    const { choice, texts } = this;
    const layers = trace.layers.map((one, i) => [`${i}`, layerText(one, texts)] as const);
    setOptions("layer", layers, `${choice.layer}`);
    const names = arrayNames(trace, layer).map((name) => [name, arrayText(name, texts)] as const);
    setOptions("array", names, choice.array);
    const features = FEATURES.map((name) => [name, texts[`feature.${name}`]] as const);
    setOptions("feature", features, choice.feature!);
    const unit = element<HTMLInputElement>("unit");
    unit.max = `${layer.arrays["h"]!.shape[1]}`;
    if (document.activeElement !== unit || Number(unit.value) !== choice.unit + 1) unit.value = `${choice.unit + 1}`;
    unit.disabled = !hasUnits(choice.array);
    element<HTMLInputElement>("temperature").value = `${choice.temperature}`;
    element("temperature-value").textContent = choice.temperature.toFixed(2);
    element("own-field").hidden = choice.feature !== "own";
    const own = element<HTMLInputElement>("own");
    if (own.value !== choice.own) own.value = choice.own;
  }

  private showText(trace: Trace, layer: LayerTrace): void {
    const { choice, texts } = this;
    const tokens = trace.axes[layer.axis]!;
    const { part } = this;
    element("part").hidden = part.end - part.first === tokens.length;
    const place = { first: part.first + 1, last: part.end, count: tokens.length };
    element("part-place").textContent = fill(texts.part, place);
    const values = tokenValues(trace, layer, choice.array, choice.unit);
    const describe = (token: number): string => {
      const value = values[token] ?? null;
      const name = visible(tokens[token]!);
      return value === null
        ? fill(texts.noValue, { token: name })
        : fill(texts.valueAt, { token: name, value: value.toPrecision(DIGITS) });
    };
    this.text.show({ tokens, values, ...part, selected: choice.token, label: texts.textTitle, describe });
    element("value").textContent = describe(choice.token);
  }

  private showNext(trace: Trace, layer: LayerTrace): void {
    const { choice, texts } = this;
    const next = nextTokens(trace, layer.axis);
    element("next").hidden = next === null;
    if (next === null) return;
    const V = next.vocabulary.length;
    const logits = next.logits.values.subarray(choice.token * V, (choice.token + 1) * V);
    const actual = next.actual(choice.token);
    const list = candidates(softmax(logits, choice.temperature), next.vocabulary, actual, SHOWN_CANDIDATES);
    const before = trace.axes[layer.axis]![layer.axis === "target" ? choice.token - 1 : choice.token];
    const caption = before === undefined ? texts.firstCaption : fill(texts.nextCaption, { token: visible(before) });
    element("candidates").replaceChildren(candidateTable(list, caption, texts.actual));
  }

  private showSearch(trace: Trace, layer: LayerTrace): void {
    const { choice, texts } = this;
    element("search").hidden = !hasUnits(choice.array);
    if (!hasUnits(choice.array)) return;
    const isMarked = marks(trace.axes[layer.axis]!, choice.feature!, choice.own);
    const units = findUnits(layer.arrays[choice.array]!.values, isMarked, SHOWN_UNITS);
    const buttons = units.map(({ unit, area }) => {
      const text = fill(texts.foundUnit, { unit: `${unit + 1}`, area: area.toFixed(3) });
      return create("button", { type: "button", "data-unit": `${unit}` }, text);
    });
    element("found").replaceChildren(...(buttons.length ? buttons : [texts.noneFound]));
  }

  private showStates(trace: Trace, layer: LayerTrace): void {
    const { choice, texts } = this;
    const name = hasUnits(choice.array) ? choice.array : "h";
    const picture = drawHeatMap(statesMap(trace, layer, name, this.part, choice.unit, choice.token));
    this.cellAt = picture.cellAt;
    const help = fill(texts.statesHelp, { array: arrayText(name, texts) });
    this.states.show(picture, texts.statesTitle, help, texts.save);
  }

  private showComponents(trace: Trace, layer: LayerTrace): void {
    const { choice, part, texts } = this;
    const name = hasUnits(choice.array) ? choice.array : "h";
    const components = this.componentsOf(layer, name, part);
    const labels = trace.axes[layer.axis]!.slice(part.first, part.end);
    const picture = drawComponents(components, labels, choice.token - part.first);
    const help = fill(texts.componentsHelp, { array: arrayText(name, texts) });
    this.components.show(picture, texts.componentsTitle, help, texts.save);
  }

  /** The principal components, which are computed once for the same numbers. */
  private componentsOf(layer: LayerTrace, name: string, { first, end }: Part): Components {
    const array = layer.arrays[name]!;
    if (this.cached?.array !== array || this.cached.first !== first) {
      const H = array.shape[1]!;
      const components = principalComponents(array.values.subarray(first * H, end * H), end - first);
      this.cached = { array, first, components };
    }
    return this.cached.components;
  }
}

new Page();
