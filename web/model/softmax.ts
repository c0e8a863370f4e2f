// The probabilities of logits.

/** softmax(logits / temperature); at temperature 0 the largest logit has all of it. */
export function softmax(logits: ArrayLike<number>, temperature: number): Float64Array {
  const all = Float64Array.from(logits);
  const largest = all.reduce((most, value) => Math.max(most, value), -Infinity);
  if (temperature === 0) {
    const best = all.indexOf(largest);
    return all.map((_, i) => (i === best ? 1 : 0));
  }
  const powers = all.map((value) => Math.exp((value - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
