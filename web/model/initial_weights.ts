// The weights from which training starts, with the distributions of `elman train` (elman.nn.stack, elman.nn.encoder).
//
//   embedding      normal, standard deviation 1, or 0.3 for many characters; that of `<unk>` is zero
//   W, V           uniform between -1 / sqrt(H) and 1 / sqrt(H)
//   U              orthogonal for each gate
//   biases         zero; 1 for the forget gate of an LSTM

import type { ModelSizes, Parameter } from "./language_model.ts";
import { Generator } from "./random.ts";

const FEW_CHARACTERS = 1024;
const [FEW_SCALE, MANY_SCALE] = [1.0, 0.3];

export function setInitialWeights(parameters: readonly Parameter[], sizes: ModelSizes, seed: number): void {
  const rng = new Generator(seed);
  const { hiddenSize: H, vocabularySize, cell } = sizes;
  const scale = vocabularySize <= FEW_CHARACTERS ? FEW_SCALE : MANY_SCALE;
  const bound = 1 / Math.sqrt(H);
  for (const { name, shape, values } of parameters) {
    const view = values.view;
    if (name === "embedding.weight") {
      const unknown = shape[1]!; // numbers of the row of `<unk>`
      for (let i = 0; i < view.length; ++i) view[i] = i < unknown ? 0 : scale * rng.normal();
    } else if (name.endsWith("weight_hh_l0")) {
      for (let row = 0; row < shape[0]!; row += H) view.set(orthogonal(H, rng), row * H);
    } else if (name.includes("bias")) {
      view.fill(0);
      if (cell === "lstm" && name.endsWith("bias_ih_l0")) view.fill(1, H, 2 * H);
    } else {
      for (let i = 0; i < view.length; ++i) view[i] = bound * (2 * rng.random() - 1);
    }
  }
}

/** A random orthogonal matrix (H, H): Gram-Schmidt on normal numbers, twice, because one pass is not exact enough. */
function orthogonal(H: number, rng: Generator): Float64Array {
  const matrix = Float64Array.from({ length: H * H }, () => rng.normal());
  for (let i = 0; i < H; ++i) {
    const row = matrix.subarray(i * H, (i + 1) * H);
    for (let pass = 0; pass < 2; ++pass) {
      for (let j = 0; j < i; ++j) {
        const other = matrix.subarray(j * H, (j + 1) * H);
        const overlap = dot(row, other);
        for (let k = 0; k < H; ++k) row[k]! -= overlap * other[k]!;
      }
    }
    const norm = Math.sqrt(dot(row, row));
    for (let k = 0; k < H; ++k) row[k]! /= norm;
  }
  return matrix;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; ++k) sum += a[k]! * b[k]!;
  return sum;
}
