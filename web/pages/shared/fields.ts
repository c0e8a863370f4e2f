// Fields for numbers.

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
