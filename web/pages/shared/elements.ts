// Elements of a page.

/** The element with an id, which must exist. */
export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Sets the value of a field; to the second one if the first is none: no number for a number, no choice of a list. */
export function setField(field: HTMLInputElement, value: string, otherwise: string): void {
  const takesNumber = field.type === "number" || field.type === "range";
  const isNumber = value.trim() !== "" && Number.isFinite(Number(value));
  field.value = takesNumber && !isNumber ? otherwise : value;
  if (field.value === "") field.value = otherwise;
}

/** A new element with attributes and children. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Offers a file to the reader. */
export function download(name: string, content: BlobPart, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Offers numbers to the reader as JSON: typed arrays as lists, and large integers as texts, which lose no digit. */
export function downloadJson(name: string, content: unknown): void {
  const toJson = (_: string, value: unknown) => {
    if (typeof value === "bigint") return `${value}`;
    return ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value;
  };
  download(name, JSON.stringify(content, toJson), "application/json");
}
