// The frame of a picture: a title, the picture, and buttons that save it as SVG and PNG.
//
// A picture is SVG markup whose colours are attributes, so that a saved file looks as it does on the page. `Palette` has
// the colours of the light and of the dark page.

import { create, download } from "../pages/shared/elements.ts";
import { svgToPng } from "./svg.ts";

interface Palette {
  ground: string;
  text: string;
  quiet: string;
  line: string;
  accent: string;
  /** Of positive and of negative numbers; colour-blind readers can tell them apart. */
  positive: string;
  negative: string;
  /** Of the lines of a chart. */
  series: readonly string[];
}

const LIGHT: Palette = {
  ground: "#ffffff",
  text: "#1b1f24",
  quiet: "#57606a",
  line: "#c9d1d9",
  accent: "#0b5fa5",
  positive: "#0b5fa5",
  negative: "#c2570c",
  series: ["#0b5fa5", "#c2570c", "#1a7f5a", "#8250a8", "#57606a"],
};

const DARK: Palette = {
  ground: "#14181d",
  text: "#e6e6e6",
  quiet: "#9da7b1",
  line: "#414a54",
  accent: "#6cb6ff",
  positive: "#58a6ff",
  negative: "#f0883e",
  series: ["#6cb6ff", "#f0a35e", "#56d4a0", "#c79bef", "#9da7b1"],
};

const isDark = matchMedia("(prefers-color-scheme: dark)");

export function palette(): Palette {
  return isDark.matches ? DARK : LIGHT;
}

/** Calls `redraw` when the page becomes light or dark. */
export function onPaletteChange(redraw: () => void): void {
  isDark.addEventListener("change", redraw);
}

/** A picture with its size in pixels. */
export interface Picture {
  width: number;
  height: number;
  /** The content of <svg>. */
  content: string;
}

export class Figure {
  readonly element: HTMLElement;
  private readonly title = create("h3", {});
  private readonly holder = create("div", { class: "picture", tabindex: "0", role: "img" });
  private readonly help = create("p", { class: "help" });
  private readonly svgButton = create("button", { type: "button" }, "SVG");
  private readonly pngButton = create("button", { type: "button" }, "PNG");

  /** name: of the files that are saved. */
  constructor(private readonly name: string) {
    const buttons = create("div", { class: "row" }, this.svgButton, this.pngButton);
    this.element = create("section", { class: "figure" }, this.title, this.help, this.holder, buttons);
    this.svgButton.addEventListener("click", () => download(`${name}.svg`, this.svg, "image/svg+xml"));
    this.pngButton.addEventListener("click", () => void this.savePng());
  }

  /** The element with the picture, for clicks on it. */
  get picture(): HTMLElement {
    return this.holder;
  }

  show(picture: Picture, title: string, help: string, save: string): void {
    this.title.textContent = title;
    this.help.textContent = help;
    this.holder.innerHTML = markup(picture);
    this.holder.setAttribute("aria-label", `${title}. ${help}`);
    this.svgButton.setAttribute("aria-label", `${save}: ${title}, SVG`);
    this.pngButton.setAttribute("aria-label", `${save}: ${title}, PNG`);
  }

  private get svg(): string {
    const inner = this.holder.querySelector("svg")!;
    return `${new XMLSerializer().serializeToString(inner)}\n`;
  }

  private async savePng(): Promise<void> {
    download(`${this.name}.png`, await svgToPng(this.svg), "image/png");
  }
}

function markup({ width, height, content }: Picture): string {
  const { ground } = palette();
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="${ground}"/>`,
    content,
    "</svg>",
  ].join("\n");
}
