// A text in which the colour of a token shows a number: the value of a unit, an attribution or a loss.
//
// One token is selected, by a click or by the arrow keys. The numbers are in the labels for screen readers.

import { create } from "../pages/shared/elements.ts";
import { largestMagnitude } from "./heat_map.ts";
import { visible } from "./tokens.ts";

export interface ColouredTokens {
  tokens: readonly string[];
  /** One for each token; null where there is none. */
  values: readonly (number | null)[];
  /** The tokens that are shown: from `first` to before `end`. The colours are those of the whole text. */
  first: number;
  end: number;
  selected: number;
  /** The label of the list for screen readers. */
  label: string;
  /** The label of a token, with its value. */
  describe(token: number): string;
}

const MIN_STRENGTH = 0.02; // a colour that nobody sees

export class ColouredText {
  readonly element = create("div", { class: "coloured-text", role: "listbox", tabindex: "0" });
  private count = 0;
  private selected = 0;

  constructor(private readonly select: (token: number) => void) {
    this.element.addEventListener("click", (event) => {
      const token = (event.target as Element).closest<HTMLElement>("[data-token]");
      if (token) select(Number(token.dataset["token"]));
    });
    this.element.addEventListener("keydown", (event) => this.pressKey(event));
  }

  show({ tokens, values, first, end, selected, label, describe }: ColouredTokens): void {
    [this.count, this.selected] = [tokens.length, selected];
    const largest = largestMagnitude(values);
    const isWord = (token: string) => [...token].length > 1;
    const isSpaced = 2 * tokens.filter(isWord).length >= tokens.length && !tokens.some((token) => /\s/.test(token));
    this.element.setAttribute("aria-label", label);
    this.element.setAttribute("aria-activedescendant", `token-${selected}`);
    this.element.replaceChildren(
      ...tokens.slice(first, end).flatMap((token, offset) => {
        const i = first + offset;
        const span = create(
          "span",
          {
            id: `token-${i}`,
            role: "option",
            "data-token": `${i}`,
            "aria-selected": `${i === selected}`,
            "aria-label": describe(i),
            title: describe(i),
            style: style((values[i] ?? 0) / largest),
          },
          token === " " ? "\u00a0" : visible(token),
        );
        const breaks = token.includes("\n") ? [create("br", {})] : [];
        return isSpaced ? [span, " ", ...breaks] : [span, ...breaks, ...(token === " " ? [create("wbr", {})] : [])];
      }),
    );
  }

  private pressKey(event: KeyboardEvent): void {
    const moves: Record<string, number> = {
      ArrowRight: this.selected + 1,
      ArrowLeft: this.selected - 1,
      Home: 0,
      End: this.count - 1,
    };
    const token = moves[event.key];
    if (token === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.select(Math.min(Math.max(token, 0), this.count - 1));
  }
}

/** The colour of a share from -1 to 1: half transparent, so that the text can be read. */
function style(share: number): string {
  const strength = Math.min(1, Math.abs(share));
  if (!(strength > MIN_STRENGTH)) return "";
  const colour = share < 0 ? "--negative" : "--positive";
  return `background: color-mix(in srgb, var(${colour}) ${Math.round(55 * strength)}%, transparent)`;
}
