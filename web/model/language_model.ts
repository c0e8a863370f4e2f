// A character model: embedding, recurrent layers, readout; as elman.tasks.language_model.
//
//   x_t      = embedding[token_t]
//   h_t      = layer_L(... layer_1(x_t, h_(t-1)))
//   logits_t = V h_t + b
//
// All parameters are one array, and so are their gradients: an optimizer sees one array. With few characters, the input
// product of the bottom layer is computed once for each character and looked up ("table").

import { ArrayList, count, type Floats, type Kernels, type ModuleArray, type Numbers } from "../kernels/module.ts";
import { type Cell, parameterShapes, Stack, type StackShape, type State } from "../kernels/stack.ts";
import { linear, linearGradients, softmaxCrossEntropy } from "../kernels/training.ts";
import { Generator } from "./random.ts";

const FEW_TOKENS = 1024; // as elman.nn.encoder: their embeddings start larger

export interface ModelSizes {
  cell: Cell;
  vocabularySize: number;
  embeddingSize: number;
  hiddenSize: number;
  numLayers: number;
}

interface Parameter {
  /** As in a model folder. */
  name: string;
  shape: number[];
  values: Numbers;
  gradient: Numbers;
}

/** Returns the names and shapes of the parameters, in the order in which they lie in memory. */
export function modelParameters(sizes: ModelSizes): { name: string; shape: number[] }[] {
  const { vocabularySize, embeddingSize, hiddenSize, numLayers } = sizes;
  const hiddenSizes = Array.from({ length: numLayers }, () => [hiddenSize]);
  const names = { W: "weight_ih_l0", U: "weight_hh_l0", b_ih: "bias_ih_l0", b_hh: "bias_hh_l0" };
  const layers = parameterShapes({ cell: sizes.cell, inputSize: embeddingSize, hiddenSizes });
  return [
    { name: "embedding.weight", shape: [vocabularySize, embeddingSize] },
    ...layers.map(({ name, layer, shape }) => ({ name: `layers.${layer}.${names[name]}`, shape })),
    { name: "readout.weight", shape: [vocabularySize, hiddenSize] },
    { name: "readout.bias", shape: [vocabularySize] },
  ];
}

export class LanguageModel {
  readonly parameters: readonly Parameter[];
  readonly values: Numbers;
  readonly gradient: Numbers;
  private readonly table: { values: Numbers; gradient: Numbers } | null;
  private readonly stack: Stack;
  private readonly gradients: ArrayList;
  private buffers: Buffers | null = null;
  private readonly one: { input: Numbers; id: ModuleArray<Int32Array>; output: Numbers };
  private readonly logits: Numbers;

  /** maxTableRows: a larger vocabulary has no table of input products, which would cost more than it saves. */
  constructor(
    readonly kernels: Kernels,
    readonly sizes: ModelSizes,
    maxTableRows: number,
  ) {
    const shapes = modelParameters(sizes);
    const total = shapes.reduce((sum, { shape }) => sum + count(shape), 0);
    this.values = kernels.floats(total);
    this.gradient = kernels.floats(total);
    let start = 0;
    this.parameters = shapes.map(({ name, shape }) => {
      const length = count(shape);
      const [values, gradient] = [this.values.slice(start, length), this.gradient.slice(start, length)];
      start += length;
      return { name, shape, values, gradient };
    });

    const { vocabularySize, embeddingSize, hiddenSize, numLayers, cell } = sizes;
    const shape: StackShape = {
      cell,
      inputSize: embeddingSize,
      hiddenSizes: Array.from({ length: numLayers }, () => [hiddenSize]),
    };
    const layers = this.parameters.slice(1, -2);
    if (vocabularySize <= maxTableRows) {
      const size = vocabularySize * layers[0]!.shape[0]!;
      this.table = { values: kernels.floats(size), gradient: kernels.floats(size) };
      const [, U, , bias] = layers;
      const rest = layers.slice(4);
      const arrays = (of: "values" | "gradient") => [
        this.table![of],
        U![of],
        null,
        bias![of],
        ...rest.map((p) => p[of]),
      ];
      this.stack = new Stack(kernels, { ...shape, tableRows: vocabularySize }, arrays("values"));
      this.gradients = new ArrayList(kernels, arrays("gradient"));
    } else {
      this.table = null;
      this.stack = new Stack(
        kernels,
        shape,
        layers.map((p) => p.values),
      );
      this.gradients = new ArrayList(
        kernels,
        layers.map((p) => p.gradient),
      );
    }
    this.one = {
      input: kernels.floats(embeddingSize),
      id: kernels.integers(1),
      output: kernels.floats(hiddenSize),
    };
    this.logits = kernels.floats(vocabularySize);
  }

  private get embedding(): Parameter {
    return this.parameters[0]!;
  }

  private get readout(): { V: Parameter; b: Parameter } {
    return { V: this.parameters.at(-2)!, b: this.parameters.at(-1)! };
  }

  /** Sets random weights: those from which `elman train` starts, of other random numbers. */
  initialize(seed: number): void {
    const rng = new Generator(seed);
    const { hiddenSize: H, vocabularySize, cell } = this.sizes;
    const bound = 1 / Math.sqrt(H);
    for (const { name, shape, values } of this.parameters) {
      const view = values.view;
      if (name === "embedding.weight") {
        const scale = vocabularySize <= FEW_TOKENS ? 1.0 : 0.3;
        for (let i = 0; i < view.length; ++i) view[i] = i < shape[1]! ? 0 : scale * rng.normal(); // `<unk>` is 0
      } else if (name.endsWith("weight_hh_l0")) {
        for (let row = 0; row < shape[0]!; row += H) view.set(orthogonal(H, rng), row * H);
      } else if (name.includes("bias")) {
        view.fill(0);
        if (cell === "lstm" && name.endsWith("bias_ih_l0")) view.fill(1, H, 2 * H); // the forget gate
      } else {
        for (let i = 0; i < view.length; ++i) view[i] = bound * (2 * rng.random() - 1);
      }
    }
    this.refresh();
  }

  /** Prepares the weights for computing, after they have changed. */
  refresh(): void {
    if (this.table) {
      const [W, , b] = this.parameters.slice(1);
      linear(this.kernels, this.embedding.values, W!.values, b!.values, this.table.values, this.sizes.vocabularySize);
    }
    this.stack.pack();
  }

  state(rows: number): State {
    return this.stack.state(rows);
  }

  /**
   * Runs ids (T, B) from a state, and returns the sum of the losses of targets (T, B) in nats. The state becomes the
   * final one. With `backward`, the gradients of the sum are in `gradient`.
   */
  loss(ids: Int32Array, targets: Int32Array, T: number, state: State, backward: boolean): number {
    const B = state.B;
    const buffers = this.buffersFor(T, B);
    buffers.ids.view.set(ids);
    buffers.targets.view.set(targets);
    buffers.initial.copyFrom(state);
    const { outputs, dOutputs, losses } = buffers;
    const inputs = this.table ? buffers.ids : buffers.inputs!;
    if (!this.table) gather(this.embedding.values.view, ids, buffers.inputs!.view, this.sizes.embeddingSize);
    this.stack.forward({
      T,
      B,
      timeFirst: true,
      inputs,
      outputs,
      initial: buffers.initial,
      final: state,
      keepTape: backward,
    });
    const { V, b } = this.readout;
    softmaxCrossEntropy(this.kernels, {
      x: outputs,
      V: V.values,
      b: b.values,
      targets: buffers.targets,
      losses,
      dX: backward ? dOutputs : null,
      dV: backward ? V.gradient : null,
      dB: backward ? b.gradient : null,
    });
    if (backward) {
      this.stack.backward({ dOutputs, dInputs: this.table ? null : buffers.dInputs, gradients: this.gradients });
      this.inputGradients(ids, buffers);
    }
    return losses.view.reduce((sum, loss) => sum + loss, 0);
  }

  /** Runs one token of each row, and returns the logits (rows, V): a view that the next call overwrites. */
  step(id: number, state: State): Floats {
    const { input, id: ids, output } = this.one;
    if (this.table) ids.view[0] = id;
    else gather(this.embedding.values.view, [id], input.view, this.sizes.embeddingSize);
    this.stack.step(this.table ? ids : input, output, state, state);
    const { V, b } = this.readout;
    linear(this.kernels, output, V.values, b.values, this.logits, 1);
    return this.logits.view;
  }

  release(): void {
    this.buffers?.release();
    this.stack.release();
    this.gradients.release();
    const arrays = [this.values, this.gradient, this.logits, ...Object.values(this.one)];
    if (this.table) arrays.push(this.table.values, this.table.gradient);
    for (const array of arrays) array.release();
  }

  /** The gradients of the embedding and, with a table, of the bottom W and b_ih. */
  private inputGradients(ids: Int32Array, buffers: Buffers): void {
    const embedding = this.embedding;
    if (this.table) {
      const [W, , b] = this.parameters.slice(1);
      linearGradients(this.kernels, this.table.gradient, embedding.values, W!.values, this.sizes.vocabularySize, {
        dX: embedding.gradient,
        dW: W!.gradient,
        dB: b!.gradient,
      });
      return;
    }
    const size = this.sizes.embeddingSize;
    const [gradient, dInputs] = [embedding.gradient.view, buffers.dInputs!.view];
    gradient.fill(0);
    ids.forEach((id, entry) => {
      for (let i = 0; i < size; ++i) gradient[id * size + i]! += dInputs[entry * size + i]!;
    });
  }

  private buffersFor(T: number, B: number): Buffers {
    if (this.buffers?.T !== T || this.buffers.B !== B) {
      this.buffers?.release();
      this.buffers = new Buffers(this.kernels, this.stack, this.sizes, T, B, this.table === null);
    }
    return this.buffers;
  }
}

/** The arrays of a mini-batch, which are used again. */
class Buffers {
  readonly ids: ModuleArray<Int32Array>;
  readonly targets: ModuleArray<Int32Array>;
  readonly losses: ModuleArray<Float64Array>;
  readonly outputs: Numbers;
  readonly dOutputs: Numbers;
  readonly inputs: Numbers | null;
  readonly dInputs: Numbers | null;
  readonly initial: State;

  constructor(
    kernels: Kernels,
    stack: Stack,
    sizes: ModelSizes,
    readonly T: number,
    readonly B: number,
    dense: boolean,
  ) {
    const entries = T * B;
    this.ids = kernels.integers(entries);
    this.targets = kernels.integers(entries);
    this.losses = kernels.doubles(entries);
    this.outputs = kernels.floats(entries * sizes.hiddenSize);
    this.dOutputs = kernels.floats(entries * sizes.hiddenSize);
    this.inputs = dense ? kernels.floats(entries * sizes.embeddingSize) : null;
    this.dInputs = dense ? kernels.floats(entries * sizes.embeddingSize) : null;
    this.initial = stack.state(B);
  }

  release(): void {
    const { ids, targets, losses, outputs, dOutputs, inputs, dInputs } = this;
    for (const array of [ids, targets, losses, outputs, dOutputs, inputs, dInputs]) array?.release();
    this.initial.release();
  }
}

/** Copies rows of a matrix. */
function gather(matrix: Floats, rows: ArrayLike<number>, into: Floats, width: number): void {
  for (let i = 0; i < rows.length; ++i) into.set(matrix.subarray(rows[i]! * width, (rows[i]! + 1) * width), i * width);
}

/** A random orthogonal matrix (H, H): Gram-Schmidt on normal numbers, twice, because the first pass is not exact enough. */
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
