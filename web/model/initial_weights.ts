// The weights from which training starts, with the distributions of `elman train` (elman.nn.stack, elman.nn.encoder).
//
//   embedding      normal, standard deviation 1, or 0.3 for many characters; that of `<unk>` is zero
//   W              uniform between -1 / sqrt(H) and 1 / sqrt(H) for H units
//   U              orthogonal for each gate
//   linear layers  uniform between -1 / sqrt(I) and 1 / sqrt(I) for I inputs
//   biases         zero; 1 for the forget gate of an LSTM
//
// In `elman train`, the biases of linear layers below the readout have the distribution of their weights.

import type { Cell } from "../kernels/stack.ts";
import { GATES } from "./layer_trace.ts";
import type { Parameter } from "./parameters.ts";
import { Generator } from "./random.ts";

const FEW_CHARACTERS = 1024;
const [FEW_SCALE, MANY_SCALE] = [1.0, 0.3];

/** cell: of all recurrent layers. Parameters are recognized by their names in a model folder. */
export function setInitialWeights(parameters: readonly Parameter[], cell: Cell, seed: number): void {
  const rng = new Generator(seed);
  for (const { name, shape, values } of parameters) {
    const view = values.view;
    const [rows, columns] = [shape[0]!, shape[1]!];
    if (name.endsWith("embedding.weight")) {
      const scale = rows <= FEW_CHARACTERS ? FEW_SCALE : MANY_SCALE;
      for (let i = 0; i < view.length; ++i) view[i] = i < columns ? 0 : scale * rng.normal(); // row 0: `<unk>`
    } else if (name.includes("weight_hh")) {
      for (let row = 0; row < rows; row += columns) view.set(orthogonal(columns, rng), row * columns);
    } else if (name.includes("bias")) {
      view.fill(0);
      const H = rows / GATES[cell].length;
      if (cell === "lstm" && name.includes("bias_ih")) view.fill(1, H, 2 * H);
    } else {
      const bound = 1 / Math.sqrt(name.includes("weight_ih") ? rows / GATES[cell].length : columns);
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
