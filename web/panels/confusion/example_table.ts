// The examples of a cell as a table.

import { create } from "../../pages/shared/elements.ts";
import { visible } from "../tokens.ts";
import type { Confusion, Example } from "./data.ts";
import type { ConfusionTexts } from "./texts.ts";

export function exampleTable(
  examples: readonly Example[],
  task: Confusion["task"],
  texts: ConfusionTexts,
): HTMLTableElement {
  const hasPlaces = examples.some(({ place }) => place !== "");
  const titles = [task === "tag" ? texts.token : texts.text, texts.true, texts.predicted, texts.probability];
  const head = [...titles, ...(hasPlaces ? [texts.place] : [])].map((title) => create("th", { scope: "col" }, title));
  const rows = examples.map((example) => {
    const { expected, predicted, probability, place } = example;
    const facts = [
      visible(expected),
      visible(predicted),
      probability.toFixed(4),
      ...(hasPlaces ? [visible(place)] : []),
    ];
    return create("tr", {}, textCell(example), ...facts.map((fact) => create("td", {}, create("bdi", {}, fact))));
  });
  return create("table", {}, create("caption", {}, texts.examples), create("tr", {}, ...head), ...rows);
}

/** The text; or the token, marked, between those around it. */
function textCell({ text, before, after }: Example): HTMLElement {
  if (before === "" && after === "") return create("td", { class: "text" }, create("bdi", {}, visible(text)));
  const around = [before === "" ? "" : `${visible(before)} `, after === "" ? "" : ` ${visible(after)}`] as const;
  return create("td", { class: "text" }, create("bdi", {}, around[0], create("mark", {}, visible(text)), around[1]));
}
