// Rows of matrices: those of an embedding for some ids, and matrices side by side.

import type { Floats } from "../kernels/module.ts";

/** Copies the rows `ids` of a matrix of this width. */
export function gatherRows(matrix: Floats, ids: ArrayLike<number>, into: Floats, width: number): void {
  for (let i = 0; i < ids.length; ++i) into.set(matrix.subarray(ids[i]! * width, (ids[i]! + 1) * width), i * width);
}

/** The gradient of gatherRows: the rows `ids` of `into` become the sums of the rows that were copied from them. */
export function scatterRows(rows: Floats, ids: ArrayLike<number>, into: Floats, width: number): void {
  into.fill(0);
  for (let i = 0; i < ids.length; ++i) {
    for (let k = 0; k < width; ++k) into[ids[i]! * width + k]! += rows[i * width + k]!;
  }
}

/** Writes matrices with the same number of rows side by side. */
export function joinColumns(parts: readonly Floats[], into: Floats, rows: number): void {
  const width = into.length / rows;
  let column = 0;
  for (const part of parts) {
    const size = part.length / rows;
    for (let row = 0; row < rows; ++row) {
      into.set(part.subarray(row * size, (row + 1) * size), row * width + column);
    }
    column += size;
  }
}

/** The reverse of joinColumns. */
export function splitColumns(joined: Floats, parts: readonly Floats[], rows: number): void {
  const width = joined.length / rows;
  let column = 0;
  for (const part of parts) {
    const size = part.length / rows;
    for (let row = 0; row < rows; ++row) {
      const start = row * width + column;
      part.set(joined.subarray(start, start + size), row * size);
    }
    column += size;
  }
}
