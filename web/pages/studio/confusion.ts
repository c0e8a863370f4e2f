// The confusion matrix of a run's validation set, when the reader asks for it.

import { confusionFromJson, type Confusion } from "../../panels/confusion/data.ts";
import { ConfusionPanel } from "../../panels/confusion/panel.ts";
import { CONFUSION_TEXTS } from "../../panels/confusion/texts.ts";
import { element } from "../shared/elements.ts";
import { fill, type Language } from "../shared/language.ts";
import { type Connection, LostError } from "./connection.ts";
import type { Texts } from "./texts.ts";

export class ConfusionSection {
  private texts!: Texts;
  private language!: Language;
  private confusion: Confusion | null = null;
  private run = "";
  private panel: ConfusionPanel | null = null;

  constructor(private readonly connection: Connection) {}

  setLanguage(language: Language, texts: Texts): void {
    this.language = language;
    this.texts = texts;
    element("confusion-problem").textContent = "";
    this.show();
  }

  /** Evaluates the model of a run, which takes seconds. */
  async evaluate(run: string): Promise<void> {
    const section = element("confusion-section");
    section.hidden = false;
    section.scrollIntoView();
    this.run = run;
    this.confusion = null;
    this.show();
    element("confusion-problem").textContent = "";
    element("confusion-state").textContent = fill(this.texts.evaluating, { run });
    try {
      const response = await this.connection.post("api/confusion", { model: run });
      const confusion = confusionFromJson(await response.text());
      if (this.run !== run) return; // another one is asked for
      this.confusion = confusion;
    } catch (error) {
      if (this.run !== run) return;
      element("confusion-problem").textContent =
        error instanceof LostError ? this.texts.lost : (error as Error).message;
    }
    this.show();
  }

  private show(): void {
    const { confusion, run, texts } = this;
    element("confusion-state").textContent = confusion === null ? "" : fill(texts.confusionOf, { run });
    element("confusion").hidden = confusion === null;
    if (confusion === null) return;
    if (this.panel === null) {
      this.panel = new ConfusionPanel("confusion", CONFUSION_TEXTS[this.language]);
      element("confusion").append(this.panel.element);
    }
    this.panel.show(confusion, CONFUSION_TEXTS[this.language]);
  }
}
