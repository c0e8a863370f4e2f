// The page "Why gradients vanish": the norm of a gradient by lag in three random networks, and a step of gradient descent.

import kernelsModule from "../../../src/elman/web/kernels-float64.wasm";
import type { Kernels } from "../../kernels/module.ts";
import type { Activation, Cell } from "../../kernels/stack.ts";
import { descend, type Descent, type DescentResult } from "../../model/descent.ts";
import { gradientByLag, type LagResult } from "../../model/gradient_by_lag.ts";
import type { LagNetwork } from "../../model/lag_network.ts";
import { Figure, onPaletteChange } from "../../panels/figure.ts";
import { drawLines, type Series } from "../../panels/line_chart.ts";
import { shortNumber } from "../../panels/numbers.ts";
import { storedInAddress, storeInAddress } from "../shared/address.ts";
import { downloadJson, element, setField } from "../shared/elements.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { numberProblem } from "../shared/number_fields.ts";
import { startPage } from "../shared/start.ts";
import { showTable, type TableContent } from "../shared/tables.ts";
import { makeNetwork, type Settings } from "./networks.ts";
import { TEXTS, type Texts } from "./texts.ts";

const FIRST = { gain: "1", keep: "1", activation: "tanh", H: "32", T: "50", seed: "1" };
const FIELDS = Object.keys(FIRST) as (keyof typeof FIRST)[];
const WHOLE = ["H", "T", "seed"] as const;
const CELLS: readonly Cell[] = ["elman", "gru", "lstm"];
const DESCENT: Descent = { rate: 0.1, maxNorm: 1, steps: 30 };
const DESCENT_DELAY = 150; // milliseconds for which the fields rest, before all steps of descent are computed
const LAGS_IN_TABLE = 6;

interface Computed {
  cell: Cell;
  network: LagNetwork;
  result: LagResult;
  /** The losses before and after one step of gradient descent. */
  firstStep: DescentResult;
}

class Page {
  private language: Language;
  private computed: Computed[] = [];
  /** The losses of all steps, of each network; those of the fields before, while `descentTimer` runs. */
  private descents: DescentResult[] = [];
  private descentTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly figure = new Figure("gradient-by-lag");
  private readonly descentFigure = new Figure("descent");

  constructor(private readonly kernels: Kernels) {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    for (const name of FIELDS) {
      setField(field(name), stored.get(name) ?? "", FIRST[name]);
      field(name).addEventListener("input", () => this.compute());
    }
    element("figure").append(this.figure.element);
    element("descent").append(this.descentFigure.element);
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
    const problem = numberProblem(WHOLE, this.texts);
    element("problem").textContent = problem?.message ?? "";
    if (problem) return null;
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
      const { kernels } = this;
      const firstStep = descend(kernels, network, { ...DESCENT, steps: 1 });
      return { cell, network, result: gradientByLag(kernels, network), firstStep };
    });
    clearTimeout(this.descentTimer);
    if (this.descents.length === 0) this.computeDescents();
    else this.descentTimer = setTimeout(() => this.showNewDescents(), DESCENT_DELAY);
    this.show();
  }

  private computeDescents(): void {
    this.descents = this.computed.map(({ network }) => descend(this.kernels, network, DESCENT));
  }

  private showNewDescents(): void {
    this.computeDescents();
    this.showDescent();
  }

  private show(): void {
    const { texts } = this;
    this.showSliders();
    const series = this.series();
    const chart = { series, xLabel: texts.lag, yLabel: texts.norm, isLogarithmic: true };
    this.figure.show(drawLines(chart), texts.chartTitle, texts.chartHelp, texts.save);
    showTable(element("norms"), normTable(series, texts));
    showTable(element("clipping"), clippingTable(this.computed, texts));
    this.showDescent();
    storeInAddress({
      lang: this.language,
      ...Object.fromEntries(FIELDS.map((name) => [name, field(name).value])),
    });
  }

  private showDescent(): void {
    const { texts } = this;
    const series = descentSeries(this.computed, this.descents, texts);
    const chart = { series, xLabel: texts.descentSteps, yLabel: texts.descentLoss, isLogarithmic: true };
    const { rate, maxNorm, steps } = DESCENT;
    const help = fill(texts.descentHelp, { rate: `${rate}`, maxNorm });
    this.descentFigure.show(drawLines(chart), fill(texts.descentTitle, { steps }), help, texts.save);
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
    this.computeDescents(); // the timer may still run
    const networks = this.computed.map(({ cell, network, result }, i) => {
      return { cell, network, result, descent: this.descents[i] };
    });
    downloadJson("gradient-by-lag.json", { descent: DESCENT, networks });
  }
}

function normTable(series: { name: string; values: number[] }[], texts: Texts): TableContent {
  const length = series[0]?.values.length ?? 0;
  const lags = Array.from({ length: LAGS_IN_TABLE }, (_, i) => Math.round((i * (length - 1)) / (LAGS_IN_TABLE - 1)));
  const shown = [...new Set(lags)].filter((lag) => lag >= 0);
  return {
    caption: texts.tableCaption,
    head: ["", ...shown.map((lag) => fill(texts.column, { lag }))],
    rows: series.map(({ name, values }) => [name, ...shown.map((lag) => shortNumber(values[lag]!))]),
  };
}

function cellNames(texts: Texts): Record<Cell, string> {
  return { elman: texts.elmanName, gru: "GRU", lstm: "LSTM" };
}

/** Two lines for each network, in its colour: without clipping, and with it in dashes. */
function descentSeries(computed: readonly Computed[], descents: readonly DescentResult[], texts: Texts): Series[] {
  const names = cellNames(texts);
  return computed.flatMap(({ cell }, colour) => {
    const { plain, clipped } = descents[colour]!;
    return [
      { name: names[cell], values: plain, style: { colour, dashes: 0 } },
      { name: fill(texts.withClipping, { network: names[cell] }), values: clipped, style: { colour, dashes: 1 } },
    ];
  });
}

function clippingTable(computed: readonly Computed[], texts: Texts): TableContent {
  const names = cellNames(texts);
  return {
    caption: texts.clipCaption,
    head: [texts.network, texts.lossBefore, texts.gradientNorm, texts.lossAfter, texts.lossClipped],
    rows: computed.map(({ cell, result, firstStep }) => {
      const numbers = [result.loss, result.gradientNorm, firstStep.plain[1]!, firstStep.clipped[1]!];
      return [names[cell], ...numbers.map(shortNumber)];
    }),
  };
}

function field(name: keyof typeof FIRST): HTMLInputElement {
  return element<HTMLInputElement>(name);
}

void startPage(kernelsModule, TEXTS, (kernels) => new Page(kernels));
