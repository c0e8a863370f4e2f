// What an adder can do: how many sums are exact, of the trained length and of longer ones, and which units hold the carry.

import { type Adder, TRAINED_DIGITS } from "./adder.ts";
import { allSums, longestCarries, randomSums, type Sums, sumOf } from "./binary_addition.ts";
import { carryArea, type CarryUnit, rankCarryUnits } from "./carry_units.ts";
import { MersenneTwister } from "./mersenne_twister.ts";

/** Digits of longer sums, and how many random ones of each length are added. */
const [LONG_DIGITS, LONG_SUMS, LONG_SEED] = [[16, 32, 64, 256], 500, 0];
const WITH_AREA = 3; // units

export interface Exact {
  exact: number;
  total: number;
}

export interface Evaluation extends Exact {
  /** Of all sums. */
  steps: number;
  /** The exact ones by the number of digits in a row that pass a carry on, from 0. */
  byLongestCarry: Exact[];
  /** The units that follow the carry best, best first, with the area under the ROC curve. */
  units: (CarryUnit & { area: number })[];
  /** All units, best first. */
  order: number[];
}

export interface LongSums extends Exact {
  digits: number;
  /** Whether 1 + (2^(digits - 1) - 1) is exact, whose carry passes through all digits but the last. */
  isLongestExact: boolean;
}

let all: Sums | null = null;

/** Adds all pairs of numbers that a training example can have. */
export function evaluateAdder(adder: Adder): Evaluation {
  all ??= allSums(TRAINED_DIGITS);
  const { outputs, h } = adder.run(all);
  const isExact = exactSums(outputs, all);
  const byLongestCarry = Array.from({ length: TRAINED_DIGITS }, (): Exact => ({ exact: 0, total: 0 }));
  longestCarries(all).forEach((carries, i) => {
    byLongestCarry[carries]!.total += 1;
    byLongestCarry[carries]!.exact += Number(isExact[i]);
  });
  const ranked = rankCarryUnits(h, all);
  return {
    ...count(isExact),
    steps: outputs.length,
    byLongestCarry,
    units: ranked.slice(0, WITH_AREA).map((unit) => ({ ...unit, area: carryArea(h, all!, unit.unit) })),
    order: ranked.map(({ unit }) => unit),
  };
}

/** Adds random pairs of longer numbers. */
export function evaluateLongSums(adder: Adder): LongSums[] {
  const rng = new MersenneTwister(LONG_SEED);
  return LONG_DIGITS.map((digits) => {
    const sums = randomSums(rng, LONG_SUMS, digits);
    const longest = sumOf(1n, (1n << BigInt(digits - 1)) - 1n, digits);
    const isLongestExact = exactSums(adder.run(longest).outputs, longest)[0]!;
    return { digits, ...count(exactSums(adder.run(sums).outputs, sums)), isLongestExact };
  });
}

/** Whether all digits of each sum are right. An output above 1/2 is the digit 1. */
function exactSums(outputs: Float64Array, { T, B, target }: Sums): boolean[] {
  const isExact = Array<boolean>(B).fill(true);
  outputs.forEach((y, i) => {
    if (Number(y > 0.5) !== target[i]) isExact[Math.floor(i / T)] = false;
  });
  return isExact;
}

function count(isExact: readonly boolean[]): Exact {
  return { exact: isExact.filter(Boolean).length, total: isExact.length };
}
