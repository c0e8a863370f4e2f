// Fields whose choices come from the studio.

import { create, element } from "../shared/elements.ts";

export function select(id: string): HTMLSelectElement {
  return element<HTMLSelectElement>(id);
}

export function input(id: string): HTMLInputElement {
  return element<HTMLInputElement>(id);
}

/** Sets a text, if it is another one: a screen reader reads it again otherwise. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets the choices of a list, which keeps its value where that is still a choice. An open list stays as it is. */
export function setChoices(field: HTMLSelectElement, choices: readonly (readonly [string, string])[]): void {
  const isSame =
    field.options.length === choices.length &&
    choices.every(([value, text], i) => field.options[i]!.value === value && field.options[i]!.text === text);
  if (isSame) return;
  const { value } = field;
  field.replaceChildren(...choices.map(([value, text]) => create("option", { value }, text)));
  if (choices.some(([choice]) => choice === value)) field.value = value;
}
