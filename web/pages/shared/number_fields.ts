// Fields for numbers, and what is wrong with a number in them.

import { element } from "./elements.ts";
import { fill } from "./language.ts";

/** Both with {name}, {given}, {least} and {most}; the first for whole numbers. */
interface NumberTexts {
  wrongNumber: string;
  wrongFraction?: string;
}

/** The number in a field, or null if it is not in the range of the field or between its steps. */
export function fieldNumber({ valueAsNumber: value, min, max, step }: HTMLInputElement): number | null {
  const steps = step === "any" ? 0 : (value - Number(min)) / Number(step);
  return value >= Number(min) && value <= Number(max) && Number.isInteger(steps) ? value : null;
}

/** What a message about a wrong number says: the label of the field, what is given, and the range. */
export function wrongNumber(field: HTMLInputElement): { name: string; given: string; least: number; most: number } {
  const name = document.querySelector(`label[for=${field.id}]`)?.textContent ?? field.id;
  return { name, given: field.value || "–", least: Number(field.min), most: Number(field.max) };
}

/** The message about the first field whose number is outside of its range, or not whole if its step is 1; or nothing. */
export function numberProblem(ids: readonly string[], texts: NumberTexts): { id: string; message: string } | null {
  for (const id of ids) {
    const field = element<HTMLInputElement>(id);
    const { min, max, valueAsNumber } = field;
    const isWhole = field.step === "1";
    const isInRange = valueAsNumber >= Number(min) && valueAsNumber <= Number(max);
    if (isInRange && (!isWhole || Number.isInteger(valueAsNumber))) continue;
    const text = isWhole ? texts.wrongNumber : (texts.wrongFraction ?? texts.wrongNumber);
    return { id, message: fill(text, wrongNumber(field)) };
  }
  return null;
}
