// The fields of the page, and the line that describes the trace.

import type { LayerTrace, Trace } from "../../traces/trace.ts";
import { create, element } from "../shared/elements.ts";
import { fill } from "../shared/language.ts";
import type { Texts } from "./texts.ts";

/** The choices of a list, which stays as it is if they are the same. */
export function setOptions(id: string, options: readonly (readonly [string, string])[], chosen: string): void {
  const list = element<HTMLSelectElement>(id);
  const isSame =
    list.options.length === options.length &&
    options.every(([value, text], i) => list.options[i]!.value === value && list.options[i]!.text === text);
  if (!isSame) list.replaceChildren(...options.map(([value, text]) => create("option", { value }, text)));
  list.value = chosen;
}

export function isMixed(isMarked: readonly boolean[]): boolean {
  return isMarked.includes(true) && isMarked.includes(false);
}

export function layerText({ name, direction, arrays }: LayerTrace, texts: Texts): string {
  const units = `${arrays["h"]!.shape[1]}`;
  return fill(direction === "forward" ? texts.layerSize : texts.layerBackward, { name, units });
}

export function about(trace: Trace, texts: Texts): string {
  const task = texts[`task.${trace.task}` as keyof Texts] ?? trace.task;
  const layers = trace.layers.map((layer) => layerText(layer, texts)).join(texts.separator);
  return fill(texts.about, { task, cell: trace.layers[0]?.cell ?? "–", layers });
}
