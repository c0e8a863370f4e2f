// Fields for numbers, and what is wrong with a number in them.

import { element } from "./elements.ts";
import { fill } from "./language.ts";

/** All with {name}, {given}, {least} and {most}: for whole numbers, for even ones (steps of 2), for others. */
interface NumberTexts {
  wrongNumber: string;
  wrongEven?: string;
  wrongFraction?: string;
}

/** The message about the first field whose number is outside of its range, or between the steps 1 or 2; or nothing. */
export function numberProblem(ids: readonly string[], texts: NumberTexts): { id: string; message: string } | null {
  for (const id of ids) {
    const { min, max, step, value, valueAsNumber } = element<HTMLInputElement>(id);
    const [least, most, isWhole, isEven] = [Number(min), Number(max), step === "1", step === "2"];
    const isOnStep = isWhole ? Number.isInteger(valueAsNumber) : !isEven || valueAsNumber % 2 === 0;
    if (valueAsNumber >= least && valueAsNumber <= most && isOnStep) continue;
    const name = document.querySelector(`label[for=${id}]`)!.textContent;
    const special = isEven ? texts.wrongEven : isWhole ? undefined : texts.wrongFraction;
    const range = least % 1 ? { least: min, most } : { least, most }; // a small fraction would be rounded to 0
    return { id, message: fill(special ?? texts.wrongNumber, { name, given: value || "–", ...range }) };
  }
  return null;
}
