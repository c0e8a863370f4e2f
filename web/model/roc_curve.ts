// The area under the ROC curve (Hanley and McNeil, 1982).

/** The share of pairs of a positive and a negative value in which the positive one is higher; ties count half. */
export function areaUnderCurve(positives: Float64Array, negatives: Float64Array): number {
  const [high, low] = [positives.slice().sort(), negatives.slice().sort()];
  let [below, upTo, wins] = [0, 0, 0];
  for (const value of high) {
    while (below < low.length && low[below]! < value) below += 1;
    while (upTo < low.length && low[upTo]! <= value) upTo += 1;
    wins += (below + upTo) / 2;
  }
  return wins / (high.length * low.length);
}
