// Where the attention of a reversal is: how much of it is on the anti-diagonal.

/** Attention weights (T, S) of a sequence of `symbols` symbols; the last row and the last column are of </s>. */
export interface AttentionMatrix {
  weights: ArrayLike<number>;
  symbols: number;
}

/** The anti-diagonal: the symbol that row t writes is at this place of the source. */
export function antiDiagonal(symbols: number): { row: number; column: number }[] {
  return Array.from({ length: symbols }, (_, row) => ({ row, column: symbols - 1 - row }));
}

export interface DiagonalShares {
  /** Rows whose largest weight is on the anti-diagonal, and those where it is one column to the right. */
  on: number;
  right: number;
  /** The mean weight on the anti-diagonal. */
  mean: number;
}

export function diagonalShares({ weights, symbols }: AttentionMatrix): DiagonalShares {
  const columns = symbols + 1;
  const result = { on: 0, right: 0, mean: 0 };
  for (const { row, column } of antiDiagonal(symbols)) {
    const values = Array.from({ length: columns }, (_, s) => weights[row * columns + s]!);
    const largest = values.indexOf(Math.max(...values));
    result.on += Number(largest === column);
    result.right += Number(largest === column + 1);
    result.mean += values[column]! / symbols;
  }
  return result;
}
