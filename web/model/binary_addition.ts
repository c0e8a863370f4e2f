// Sums of binary numbers as arrays of digits, the least significant first.
//
// After a digit, the carry is 1 if at least two of a, b and the old carry are 1; the digit of the sum is a + b + carry
// modulo 2. T digits, B sums.

import type { MersenneTwister } from "./mersenne_twister.ts";

export interface Sums {
  T: number;
  B: number;
  /** (B, T, 2): the digits of a and b, which the network reads. */
  x: Float64Array;
  /** (B, T): the digits of the sums, which it has to output. */
  target: Float64Array;
  /** (B, T): the carry after each digit. */
  carry: Uint8Array;
}

/** Adds the pairs of numbers whose digits are x (B, T, 2). A carry after the last digit is lost. */
export function addDigits(x: Float64Array, T: number): Sums {
  const B = x.length / (2 * T);
  const [target, carry] = [new Float64Array(B * T), new Uint8Array(B * T)];
  for (let i = 0; i < B * T; ++i) {
    const before = i % T === 0 ? 0 : carry[i - 1]!;
    const ones = x[2 * i]! + x[2 * i + 1]! + before;
    target[i] = ones % 2;
    carry[i] = ones >= 2 ? 1 : 0;
  }
  return { T, B, x, target, carry };
}

/** The sum of two numbers below 2^T. */
export function sumOf(a: bigint, b: bigint, T: number): Sums {
  const x = new Float64Array(2 * T);
  for (let t = 0; t < T; ++t) {
    x[2 * t] = Number((a >> BigInt(t)) & 1n);
    x[2 * t + 1] = Number((b >> BigInt(t)) & 1n);
  }
  return addDigits(x, T);
}

/** The sums of all pairs of numbers below 2^(T - 1), so that each sum has T digits: pair a * 2^(T - 1) + b. */
export function allSums(T: number): Sums {
  const limit = 2 ** (T - 1);
  const x = new Float64Array(limit * limit * 2 * T);
  let i = 0;
  for (let a = 0; a < limit; ++a) {
    for (let b = 0; b < limit; ++b) {
      for (let t = 0; t < T; ++t) {
        x[i++] = (a >> t) & 1;
        x[i++] = (b >> t) & 1;
      }
    }
  }
  return addDigits(x, T);
}

/** Sums of random pairs of numbers below 2^(T - 1). */
export function randomSums(rng: MersenneTwister, B: number, T: number): Sums {
  const x = new Float64Array(B * T * 2);
  for (let i = 0; i < x.length; ++i) {
    const isLast = Math.floor(i / 2) % T === T - 1;
    if (!isLast) x[i] = rng.integer(2);
  }
  return addDigits(x, T);
}

/** The number whose digits are given. */
export function numberOf(digits: ArrayLike<number>): bigint {
  return Array.from(digits).reduceRight((number, digit) => 2n * number + BigInt(digit), 0n);
}

/** The largest number of consecutive digits with a carry, for each sum: (B,). The network has to store the carry for as many steps. */
export function longestCarries({ T, B, carry }: Sums): Uint8Array {
  const longest = new Uint8Array(B);
  let run = 0;
  for (let i = 0; i < B * T; ++i) {
    if (i % T === 0) run = 0;
    run = carry[i] ? run + 1 : 0;
    const sum = Math.floor(i / T);
    longest[sum] = Math.max(longest[sum]!, run);
  }
  return longest;
}
