// The page "Step through a recurrent network": a small network of the reader's choice, in the panel "unrolled network".

import kernelsModule from "../../../src/elman/web/kernels-float64.wasm";
import type { Kernels } from "../../kernels/module.ts";
import type { Activation, Cell } from "../../kernels/stack.ts";
import { traceNetwork } from "../../model/network_trace.ts";
import { type Leaf, leafShapes, type NetworkSizes, SmallNetwork } from "../../model/small_network.ts";
import type { NetworkNumber } from "../../panels/unrolled_network/numbers.ts";
import { UnrolledNetwork } from "../../panels/unrolled_network/panel.ts";
import { PANEL_TEXTS } from "../../panels/unrolled_network/texts.ts";
import { storedInAddress, storeInAddress } from "../shared/address.ts";
import { create, element } from "../shared/elements.ts";
import { type Language, languageOf, translatePage } from "../shared/language.ts";
import { startPage } from "../shared/start.ts";
import { EXAMPLES, FIRST_EXAMPLE, fromAddress, LIMITS, resized, type Settings, toAddress } from "./settings.ts";
import { TEXTS } from "./texts.ts";

const COUNTS = Object.keys(LIMITS) as (keyof typeof LIMITS)[];

class Page {
  private language: Language;
  private settings: Settings;
  private example: string;
  private problem: () => string = () => "";
  private readonly panel: UnrolledNetwork;

  constructor(private readonly kernels: Kernels) {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    const initial = fromAddress(stored);
    if (initial === null) this.problem = () => TEXTS[this.language].wrongAddress;
    ({ settings: this.settings, example: this.example } = initial ?? {
      settings: EXAMPLES[FIRST_EXAMPLE]!(),
      example: FIRST_EXAMPLE,
    });
    const events = {
      edit: (number: NetworkNumber, value: number) => this.edit(number, value),
      changed: () => this.storeAddress(),
    };
    this.panel = new UnrolledNetwork(element("panel"), PANEL_TEXTS[this.language], events, {
      selected: stored.get("selected") ?? "",
      derivatives: stored.get("derivatives") === "1",
      hide: stored.get("hide") === "1",
    });
    for (const name of COUNTS) addCounts(element(name), LIMITS[name]);
    this.listen();
    this.update();
    this.setLanguage(this.language);
  }

  private listen(): void {
    element("language").addEventListener("click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    element("example").addEventListener("change", () => {
      const { value } = element<HTMLSelectElement>("example");
      this.change(EXAMPLES[value]!(), value);
    });
    for (const name of ["cell", "activation", "bias", ...COUNTS]) {
      element(name).addEventListener("change", () => this.resize());
    }
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, TEXTS[language]);
    this.showProblem(this.problem);
    this.panel.setTexts(PANEL_TEXTS[language]);
    this.storeAddress();
  }

  /** Takes the sizes from the fields. */
  private resize(): void {
    const value = (name: string) => element<HTMLSelectElement>(name).value;
    const counts = Object.fromEntries(COUNTS.map((name) => [name, Number(value(name))])) as typeof LIMITS;
    const sizes: NetworkSizes = {
      cell: value("cell") as Cell,
      activation: value("activation") as Activation,
      ...counts,
      bias: element<HTMLInputElement>("bias").checked,
    };
    this.change({ sizes, values: resized(this.settings.values, this.settings.sizes, sizes) }, "");
  }

  private edit({ name, index }: NetworkNumber, value: number): void {
    const { sizes, values } = this.settings;
    const shape = leafShapes(sizes).get(name as Leaf)!;
    const place = index.reduce((offset, i, axis) => offset * shape[axis]! + i, 0);
    this.change({ sizes, values: { ...values, [name]: Array.from(values[name as Leaf]!).with(place, value) } }, "");
  }

  private change(settings: Settings, example: string): void {
    [this.settings, this.example] = [settings, example];
    this.showProblem(() => "");
    this.update();
  }

  private showProblem(problem: () => string): void {
    this.problem = problem;
    element("problem").textContent = problem();
  }

  /** Computes the network again and shows it. */
  private update(): void {
    const { sizes, values } = this.settings;
    const network = new SmallNetwork(this.kernels, sizes, values);
    const trace = traceNetwork(network);
    network.release();
    this.panel.show(trace);
    this.showFields(sizes);
    this.storeAddress();
  }

  private showFields(sizes: NetworkSizes): void {
    const set = (name: string, value: string) => (element<HTMLSelectElement>(name).value = value);
    set("example", this.example);
    set("cell", sizes.cell);
    set("activation", sizes.activation);
    for (const name of COUNTS) set(name, `${sizes[name]}`);
    element<HTMLInputElement>("bias").checked = sizes.bias;
    element<HTMLSelectElement>("activation").disabled = sizes.cell !== "elman";
  }

  private storeAddress(): void {
    const { selected, derivatives, hide } = this.panel.state;
    const options = { selected, derivatives: derivatives ? "1" : "0", hide: hide ? "1" : "0" };
    storeInAddress({ lang: this.language, ...toAddress(this.settings, this.example), ...options });
  }
}

/** The choices 1, 2, ... of a list. */
function addCounts(list: HTMLElement, most: number): void {
  for (let count = 1; count <= most; ++count) list.append(create("option", { value: `${count}` }, `${count}`));
}

void startPage(kernelsModule, TEXTS, (kernels) => new Page(kernels));
