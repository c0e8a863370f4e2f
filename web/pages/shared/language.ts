// The two languages of every page.

export type Language = "en" | "zh";

/** The language of an address, or that of the browser. */
export function languageOf(stored: URLSearchParams): Language {
  const asked = stored.get("lang") ?? new URLSearchParams(location.search).get("lang");
  return (asked ?? navigator.language).startsWith("zh") ? "zh" : "en";
}

/** Sets the texts of all elements that have data-text, and the labels of those that have data-label. */
export function translatePage(language: Language, texts: Readonly<Record<string, string>>): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = `${texts["title"]} – elman`;
  for (const target of document.querySelectorAll<HTMLElement>("[data-text]")) {
    target.textContent = texts[target.dataset["text"]!]!;
  }
  for (const target of document.querySelectorAll<HTMLElement>("[data-label]")) {
    target.setAttribute("aria-label", texts[target.dataset["label"]!]!);
  }
  document.getElementById("language")!.lang = language === "zh" ? "en" : "zh-CN";
}

/** A text with values in place of {name}. Numbers have separators of thousands. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString("en") : (value ?? "");
  });
}
