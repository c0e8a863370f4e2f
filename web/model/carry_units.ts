// Which hidden units hold the carry: the correlation of their values with it, and the area under the ROC curve.

import type { Sums } from "./binary_addition.ts";
import { areaUnderCurve } from "./roc_curve.ts";

export interface CarryUnit {
  unit: number;
  /** Pearson's, of the value after a digit and the carry after it; 0 for a unit that is constant. */
  correlation: number;
  /** The means of its values after digits with a carry and after those without one. */
  withCarry: number;
  withoutCarry: number;
}

/** All units, the largest magnitude of the correlation first. h (B, T, H). */
export function rankCarryUnits(h: ArrayLike<number>, { carry }: Sums): CarryUnit[] {
  const N = carry.length;
  const H = h.length / N;
  const ones = carry.reduce((sum, digit) => sum + digit, 0);
  const [sumsWith, sumsWithout, squares] = [new Float64Array(H), new Float64Array(H), new Float64Array(H)];
  for (let i = 0; i < N; ++i) {
    const sums = carry[i] ? sumsWith : sumsWithout;
    for (let unit = 0; unit < H; ++unit) sums[unit]! += h[i * H + unit]!;
  }
  const means = sumsWith.map((sum, unit) => (sum + sumsWithout[unit]!) / N);
  for (let i = 0; i < N; ++i) {
    for (let unit = 0; unit < H; ++unit) squares[unit]! += (h[i * H + unit]! - means[unit]!) ** 2;
  }
  const share = ones / N;
  const units = Array.from({ length: H }, (_, unit): CarryUnit => {
    const [withCarry, withoutCarry] = [sumsWith[unit]! / ones, sumsWithout[unit]! / (N - ones)];
    const covariance = share * (1 - share) * (withCarry - withoutCarry);
    const deviations = Math.sqrt((squares[unit]! / N) * share * (1 - share));
    return { unit, correlation: deviations > 0 ? covariance / deviations : 0, withCarry, withoutCarry };
  });
  return units.sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation));
}

/** The area under the ROC curve of a unit: 1 if it is always larger with a carry than without, 0 if always smaller. */
export function carryArea(h: ArrayLike<number>, { carry }: Sums, unit: number): number {
  const H = h.length / carry.length;
  const ones = carry.reduce((sum, digit) => sum + digit, 0);
  const [positives, negatives] = [new Float64Array(ones), new Float64Array(carry.length - ones)];
  let [p, n] = [0, 0];
  for (let i = 0; i < carry.length; ++i) {
    const value = h[i * H + unit]!;
    if (carry[i]) positives[p++] = value;
    else negatives[n++] = value;
  }
  return areaUnderCurve(positives, negatives);
}
