// The start of a page that computes with the kernels itself.

import { Kernels, UnsupportedBrowserError } from "../../kernels/module.ts";
import { storedInAddress } from "./address.ts";
import { element } from "./elements.ts";
import { fill, type Language, languageOf, translatePage } from "./language.ts";

interface StartTexts extends Record<string, string> {
  unsupported: string;
  other: string;
}

/** Loads the kernels in double precision and starts the page; what goes wrong is shown in the element `problem`. */
export async function startPage(
  module: BufferSource,
  texts: Record<Language, StartTexts>,
  start: (kernels: Kernels) => void,
): Promise<void> {
  try {
    start(await Kernels.load(module, "float64"));
  } catch (error) {
    const language = languageOf(storedInAddress());
    translatePage(language, texts[language]);
    const { unsupported, other } = texts[language];
    element("problem").textContent =
      error instanceof UnsupportedBrowserError ? unsupported : fill(other, { detail: (error as Error).message });
  }
}
