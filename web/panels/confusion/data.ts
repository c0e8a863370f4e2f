// The data of the panel: what elman.inspect.confusion returns (src/elman/inspect/confusion.py).

export interface Example {
  readonly text: string;
  /** The tokens before and after a token; empty for a text. */
  readonly before: string;
  readonly after: string;
  readonly place: string;
  readonly probability: number;
  readonly expected: string;
  readonly predicted: string;
}

export interface Cell {
  readonly row: number;
  readonly column: number;
}

export interface Confusion {
  readonly task: "classify" | "tag";
  readonly count: number;
  readonly correct: number;
  /** Of the rows and columns; null stands for all labels that have no row of their own. */
  readonly labels: readonly (string | null)[];
  readonly labelsLeftOut: number;
  /** Expected labels in rows, predicted ones in columns. */
  readonly counts: readonly (readonly number[])[];
  readonly examplesPerCell: number;
  readonly cells: readonly (Cell & { readonly examples: readonly Example[] })[];
}

const FORMAT = 1;

/** Reads the JSON of a confusion matrix; anything else is an Error. */
export function confusionFromJson(json: string): Confusion {
  const content = JSON.parse(json) as Record<string, unknown>;
  if (content?.["format"] !== FORMAT) throw new Error(`format ${String(content?.["format"])}; expected ${FORMAT}`);
  const { labels_left_out: labelsLeftOut, examples_per_cell: examplesPerCell, ...rest } = content;
  const confusion = { ...rest, labelsLeftOut, examplesPerCell } as unknown as Confusion;
  const size = confusion.labels.length;
  if (confusion.counts.length !== size || confusion.counts.some((row) => row.length !== size)) {
    throw new Error(`${size} labels; expected as many rows and columns`);
  }
  return confusion;
}

export function rowTotal({ counts }: Confusion, row: number): number {
  return counts[row]!.reduce((sum, count) => sum + count, 0);
}

/** The share of the expected label's examples that are in the cell; 0 if the label has none. */
export function shareOf(confusion: Confusion, { row, column }: Cell): number {
  return confusion.counts[row]![column]! / Math.max(1, rowTotal(confusion, row));
}

/** The cells of wrong predictions with the largest counts, largest first. */
export function largestConfusions({ counts }: Confusion, most: number): Cell[] {
  const wrong = counts.flatMap((line, row) =>
    line.flatMap((count, column) => (count > 0 && row !== column ? [{ row, column, count }] : [])),
  );
  return wrong.sort((a, b) => b.count - a.count).slice(0, most);
}

export function examplesOf({ cells }: Confusion, { row, column }: Cell): readonly Example[] {
  return cells.find((cell) => cell.row === row && cell.column === column)?.examples ?? [];
}
