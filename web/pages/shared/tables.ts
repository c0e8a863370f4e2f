// Tables of numbers, with the headers that screen readers need.

import { create } from "./elements.ts";

export interface TableContent {
  caption: string;
  /** Of the columns; the first one is above the headers of the rows. */
  head: readonly string[];
  /** The header of each row, and its cells. */
  rows: readonly (readonly [string, ...(string | HTMLTableCellElement)[]])[];
}

export function createTable({ caption, head, rows }: TableContent): HTMLTableElement {
  const [corner, ...columns] = head;
  const first = corner ? create("th", { scope: "col" }, corner) : create("td", {});
  return create(
    "table",
    {},
    create("caption", {}, caption),
    create("tr", {}, first, ...columns.map((name) => create("th", { scope: "col" }, name))),
    ...rows.map(([name, ...cells]) =>
      create(
        "tr",
        {},
        create("th", { scope: "row" }, name),
        ...cells.map((cell) => (typeof cell === "string" ? create("td", {}, cell) : cell)),
      ),
    ),
  );
}

/** Shows a table in an element that scrolls sideways. */
export function showTable(target: HTMLElement, content: TableContent): void {
  target.replaceChildren(createTable(content));
  target.setAttribute("aria-label", content.caption);
}
