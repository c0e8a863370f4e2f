// Fields for numbers, and what is wrong with a number in them.

import { element } from "./elements.ts";
import { fill } from "./language.ts";

/** Both with {name}, {given}, {least} and {most}; the first for whole numbers. */
interface NumberTexts {
  wrongNumber: string;
  wrongFraction?: string;
}

/** The message about the first field whose number is outside of its range, or not whole if its step is 1; or nothing. */
export function numberProblem(ids: readonly string[], texts: NumberTexts): { id: string; message: string } | null {
  for (const id of ids) {
    const { min, max, step, value, valueAsNumber } = element<HTMLInputElement>(id);
    const [least, most, isWhole] = [Number(min), Number(max), step === "1"];
    const isValid = valueAsNumber >= least && valueAsNumber <= most && (!isWhole || Number.isInteger(valueAsNumber));
    if (isValid) continue;
    const name = document.querySelector(`label[for=${id}]`)!.textContent;
    const text = isWhole ? texts.wrongNumber : (texts.wrongFraction ?? texts.wrongNumber);
    return { id, message: fill(text, { name, given: value || "–", least, most }) };
  }
  return null;
}
