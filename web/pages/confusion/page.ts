// The page "Which labels are confused": a confusion matrix, which `elman evaluate --page` has written into the page.

import { type Confusion, confusionFromJson } from "../../panels/confusion/data.ts";
import { ConfusionPanel } from "../../panels/confusion/panel.ts";
import { CONFUSION_TEXTS } from "../../panels/confusion/texts.ts";
import { storedInAddress, storeInAddress } from "../shared/address.ts";
import { element } from "../shared/elements.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { TEXTS } from "./texts.ts";

class Page {
  private language: Language;
  private confusion: Confusion | null = null;
  private problem: () => string = () => "";
  private readonly panel: ConfusionPanel;

  constructor() {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    this.panel = new ConfusionPanel("confusion", CONFUSION_TEXTS[this.language]);
    const place = (name: string) => Number(stored.get(name) ?? NaN) - 1; // labels count from 1 in the address
    this.panel.selected = { row: place("true"), column: place("predicted") };
    this.panel.onChoice = () => this.store();
    element("language").addEventListener("click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    this.read();
    this.setLanguage(this.language);
  }

  private read(): void {
    const json = element("confusion").textContent;
    if (json.trim() === "") {
      this.problem = () => TEXTS[this.language].noData;
      return;
    }
    try {
      this.confusion = confusionFromJson(json);
      element("panel").append(this.panel.element);
    } catch (error) {
      this.problem = () => fill(TEXTS[this.language].damaged, { detail: (error as Error).message });
    }
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, TEXTS[language]);
    element("problem").textContent = this.problem();
    if (this.confusion !== null) this.panel.show(this.confusion, CONFUSION_TEXTS[language]);
    this.store();
  }

  private store(): void {
    const { selected } = this.panel;
    const address: Record<string, string> = { lang: this.language };
    if (selected !== null && this.confusion !== null) {
      address["true"] = `${selected.row + 1}`;
      address["predicted"] = `${selected.column + 1}`;
    }
    storeInAddress(address);
  }
}

new Page();
