// Thinning of a line to what a picture of some width can show.
//
// Of the points in one column of pixels, the first, the lowest, the highest and the last remain, and the first that is
// missing: the line crosses the same pixels as with all points (M4: Jugel et al., 2014), and no peak is lost.

const POINTS_PER_COLUMN = 4;

/** The points that remain, in their order. `column` is the column of a point, which never decreases. */
export function thinned(values: readonly (number | null)[], column: (i: number) => number, columns: number): number[] {
  if (values.length <= POINTS_PER_COLUMN * columns) return [...values.keys()];
  const points: number[] = [];
  for (let start = 0; start < values.length;) {
    let end = start + 1;
    while (end < values.length && column(end) === column(start)) end += 1;
    points.push(...extremes(values, start, end));
    start = end;
  }
  return points;
}

/** First, lowest, highest, last and first missing point of those from `start` to before `end`. */
function extremes(values: readonly (number | null)[], start: number, end: number): number[] {
  let [lowest, highest, missing] = [-1, -1, -1];
  for (let i = start; i < end; ++i) {
    const value = values[i] ?? NaN;
    if (!Number.isFinite(value)) {
      if (missing < 0) missing = i;
      continue;
    }
    if (lowest < 0 || value < values[lowest]!) lowest = i;
    if (highest < 0 || value > values[highest]!) highest = i;
  }
  const chosen = [start, lowest, highest, missing, end - 1].filter((i) => i >= 0);
  return [...new Set(chosen)].sort((a, b) => a - b);
}
