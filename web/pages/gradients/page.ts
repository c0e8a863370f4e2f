// The page "Why gradients vanish": the norm of a gradient by lag in three random networks, and a step of gradient descent.

import kernelsModule from "../../../src/elman/web/kernels-float64.wasm";
import type { Kernels } from "../../kernels/module.ts";
import type { Activation, Cell } from "../../kernels/stack.ts";
import { type Descent, gradientByLag, type LagNetwork, type LagResult } from "../../model/gradient_by_lag.ts";
import { Figure, onPaletteChange } from "../../panels/figure.ts";
import { drawLines } from "../../panels/line_chart.ts";
import { shortNumber } from "../../panels/numbers.ts";
import { storedInAddress, storeInAddress } from "../shared/address.ts";
import { create, download, element, setField } from "../shared/elements.ts";
import { fieldNumber, wrongNumber } from "../shared/fields.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { startPage } from "../shared/start.ts";
import { makeNetwork, type Settings } from "./networks.ts";
import { TEXTS, type Texts } from "./texts.ts";

const FIRST = { gain: "1", keep: "1", activation: "tanh", H: "32", T: "50", seed: "1" };
const FIELDS = Object.keys(FIRST) as (keyof typeof FIRST)[];
const WHOLE = ["H", "T", "seed"] as const;
const CELLS: readonly Cell[] = ["elman", "gru", "lstm"];
const DESCENT: Descent = { rate: 0.1, maxNorm: 1 };
const LAGS_IN_TABLE = 6;

interface Computed {
  cell: Cell;
  network: LagNetwork;
  result: LagResult;
}

class Page {
  private language: Language;
  private computed: Computed[] = [];
  private readonly figure = new Figure("gradient-by-lag");

  constructor(private readonly kernels: Kernels) {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    for (const name of FIELDS) {
      setField(field(name), stored.get(name) ?? "", FIRST[name]);
      field(name).addEventListener("input", () => this.compute());
    }
    element("figure").append(this.figure.element);
    element("language").addEventListener("click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    element("save").addEventListener("click", () => this.save());
    onPaletteChange(() => this.show());
    this.setLanguage(this.language);
    this.compute();
  }

  private get texts(): Texts {
    return TEXTS[this.language];
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, this.texts);
    this.settings(); // a problem in the other language
    this.show();
  }

  /** The settings in the fields; null if a number is wrong, which is shown. */
  private settings(): Settings | null {
    const wrong = WHOLE.find((name) => fieldNumber(field(name)) === null);
    if (wrong !== undefined) {
      element("problem").textContent = fill(this.texts.wrongNumber, wrongNumber(field(wrong)));
      return null;
    }
    element("problem").textContent = "";
    const number = (name: keyof typeof FIRST) => field(name).valueAsNumber;
    return {
      gain: number("gain"),
      keep: number("keep"),
      activation: field("activation").value as Activation,
      ...{ H: number("H"), T: number("T"), seed: number("seed") },
    };
  }

  private compute(): void {
    this.showSliders();
    const settings = this.settings();
    if (settings === null) return;
    this.computed = CELLS.map((cell) => {
      const network = makeNetwork(cell, settings);
      return { cell, network, result: gradientByLag(this.kernels, network, DESCENT) };
    });
    this.show();
  }

  private show(): void {
    const { texts } = this;
    this.showSliders();
    const series = this.series();
    const chart = { series, xLabel: texts.lag, yLabel: texts.norm, isLogarithmic: true };
    this.figure.show(drawLines(chart), texts.chartTitle, texts.chartHelp, texts.save);
    element("norms").replaceChildren(normTable(series, texts));
    element("norms").setAttribute("aria-label", texts.tableCaption);
    element("clipping").replaceChildren(clippingTable(this.computed, texts));
    element("clipping").setAttribute("aria-label", texts.clipTitle);
    storeInAddress({
      lang: this.language,
      ...Object.fromEntries(FIELDS.map((name) => [name, field(name).value])),
    });
  }

  private showSliders(): void {
    for (const name of ["gain", "keep"] as const) {
      element(`${name}-label`).textContent = fill(this.texts[name], { value: field(name).value });
    }
  }

  private series(): { name: string; values: number[] }[] {
    const { texts } = this;
    return this.computed.flatMap(({ cell, result }) => {
      if (cell !== "lstm") return [{ name: texts[cell as "elman" | "gru"], values: result.h }];
      return [
        { name: texts.lstmH, values: result.h },
        { name: texts.lstmC, values: result.c },
      ];
    });
  }

  private save(): void {
    const plain = (_: string, value: unknown) =>
      ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value;
    download(
      "gradient-by-lag.json",
      JSON.stringify({ descent: DESCENT, networks: this.computed }, plain),
      "application/json",
    );
  }
}

function normTable(series: { name: string; values: number[] }[], texts: Texts): HTMLElement {
  const length = series[0]?.values.length ?? 0;
  const lags = Array.from({ length: LAGS_IN_TABLE }, (_, i) => Math.round((i * (length - 1)) / (LAGS_IN_TABLE - 1)));
  const shown = [...new Set(lags)].filter((lag) => lag >= 0);
  const head = shown.map((lag) => create("th", { scope: "col" }, fill(texts.column, { lag })));
  const rows = series.map(({ name, values }) =>
    create(
      "tr",
      {},
      create("th", { scope: "row" }, name),
      ...shown.map((lag) => create("td", {}, shortNumber(values[lag]!))),
    ),
  );
  return create(
    "table",
    {},
    create("caption", {}, texts.tableCaption),
    create("tr", {}, create("td", {}), ...head),
    ...rows,
  );
}

function clippingTable(computed: readonly Computed[], texts: Texts): HTMLElement {
  const names: Record<Cell, string> = { elman: texts.elmanName, gru: "GRU", lstm: "LSTM" };
  const titles = [texts.network, texts.lossBefore, texts.gradientNorm, texts.lossAfter, texts.lossClipped];
  const rows = computed.map(({ cell, result }) => {
    const numbers = [result.loss, result.gradientNorm, result.after, result.afterClipped];
    const cells = numbers.map((number) => create("td", {}, shortNumber(number)));
    return create("tr", {}, create("th", { scope: "row" }, names[cell]), ...cells);
  });
  return create(
    "table",
    {},
    create("tr", {}, ...titles.map((title) => create("th", { scope: "col" }, title))),
    ...rows,
  );
}

function field(name: keyof typeof FIRST): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

void startPage(kernelsModule, TEXTS, (kernels) => new Page(kernels));
