// A character model: embedding, recurrent layers, readout; as elman.tasks.language_model.
//
//   x_t      = embedding[token_t]
//   h_t      = layer_L(... layer_1(x_t, h_(t-1)))
//   logits_t = V h_t + b
//
// With few characters, the input product of the bottom layer is computed once for each character and looked up ("table").

import { ArrayList, type Floats, type Kernels, type ModuleArray, type Numbers } from "../kernels/module.ts";
import { type Cell, Stack, type StackShape, type State } from "../kernels/stack.ts";
import { linear, linearGradients, softmaxCrossEntropy } from "../kernels/training.ts";
import { setInitialWeights } from "./initial_weights.ts";
import { type Kind, layerParameters, type NamedShape, type Parameter, ParameterList } from "./parameters.ts";
import { gatherRows, scatterRows } from "./rows.ts";

export interface ModelSizes {
  cell: Cell;
  vocabularySize: number;
  embeddingSize: number;
  hiddenSize: number;
  numLayers: number;
}

/** Returns the names and shapes of the parameters, in the order in which they lie in memory. */
function modelParameters(sizes: ModelSizes): NamedShape[] {
  const { vocabularySize, embeddingSize, hiddenSize, numLayers } = sizes;
  const hiddenSizes = Array.from({ length: numLayers }, () => [hiddenSize]);
  return [
    { name: "embedding.weight", shape: [vocabularySize, embeddingSize] },
    ...layerParameters("", { cell: sizes.cell, inputSize: embeddingSize, hiddenSizes }),
    { name: "readout.weight", shape: [vocabularySize, hiddenSize] },
    { name: "readout.bias", shape: [vocabularySize] },
  ];
}

/** The parameters of a layer. */
interface Layer {
  W: Parameter;
  U: Parameter;
  b_ih: Parameter;
  b_hh: Parameter;
}

export class LanguageModel {
  private readonly list: ParameterList;
  private readonly embedding: Parameter;
  private readonly layers: readonly Layer[];
  private readonly readout: { V: Parameter; b: Parameter };
  /** The input products of the bottom layer, W x + b_ih for each character. */
  private readonly table: Record<Kind, Numbers> | null;
  private readonly stack: Stack;
  private readonly gradients: ArrayList;
  private buffers: Buffers | null = null;
  private readonly single: { input: Numbers; id: ModuleArray<Int32Array>; output: Numbers; logits: Numbers };

  /** maxTableRows: a larger vocabulary has no table of input products, which would cost more than it saves. */
  constructor(
    readonly kernels: Kernels,
    readonly sizes: ModelSizes,
    maxTableRows: number,
  ) {
    this.list = new ParameterList(kernels, modelParameters(sizes));
    const { vocabularySize, embeddingSize, hiddenSize, numLayers } = sizes;
    this.embedding = this.parameters[0]!;
    this.layers = Array.from({ length: numLayers }, (_, layer) => {
      const [W, U, b_ih, b_hh] = this.parameters.slice(1 + 4 * layer, 5 + 4 * layer);
      return { W: W!, U: U!, b_ih: b_ih!, b_hh: b_hh! };
    });
    this.readout = { V: this.parameters.at(-2)!, b: this.parameters.at(-1)! };
    const tableSize = vocabularySize * this.layers[0]!.U.shape[0]!;
    this.table =
      vocabularySize > maxTableRows ? null : { values: kernels.floats(tableSize), gradient: kernels.floats(tableSize) };
    this.stack = this.buildStack();
    this.gradients = new ArrayList(kernels, this.stackArrays("gradient"));
    this.single = {
      input: kernels.floats(embeddingSize),
      id: kernels.integers(1),
      output: kernels.floats(hiddenSize),
      logits: kernels.floats(vocabularySize),
    };
  }

  private buildStack(): Stack {
    const { cell, vocabularySize, embeddingSize, hiddenSize } = this.sizes;
    const shape: StackShape = { cell, inputSize: embeddingSize, hiddenSizes: this.layers.map(() => [hiddenSize]) };
    if (this.table) shape.tableRows = vocabularySize;
    return new Stack(this.kernels, shape, this.stackArrays("values"));
  }

  /** The arrays of the layers, as Stack takes them. A table takes the place of W and b_ih of the bottom layer. */
  private stackArrays(kind: Kind): (Numbers | null)[] {
    const arrays: (Numbers | null)[] = this.layers.flatMap(({ W, U, b_ih, b_hh }) => [
      W[kind],
      U[kind],
      b_ih[kind],
      b_hh[kind],
    ]);
    if (this.table) arrays.splice(0, 3, this.table[kind], arrays[1]!, null);
    return arrays;
  }

  get parameters(): readonly Parameter[] {
    return this.list.parameters;
  }

  /** All parameters, and the gradients of all. */
  get values(): Numbers {
    return this.list.values;
  }

  get gradient(): Numbers {
    return this.list.gradient;
  }

  /** Sets random weights. */
  initialize(seed: number): void {
    setInitialWeights(this.parameters, this.sizes.cell, seed);
    this.refresh();
  }

  /** Prepares the weights for computing, after they have changed. */
  refresh(): void {
    if (this.table) {
      const { W, b_ih } = this.layers[0]!;
      linear(this.kernels, this.embedding.values, W.values, b_ih.values, this.table.values, this.sizes.vocabularySize);
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
    if (!this.table) gatherRows(this.embedding.values.view, ids, buffers.inputs!.view, this.sizes.embeddingSize);
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

  /** Runs one token, and returns the logits (V,): a view that the next call overwrites. The state has one row. */
  step(id: number, state: State): Floats {
    const { input, id: ids, output, logits } = this.single;
    if (this.table) ids.view[0] = id;
    else gatherRows(this.embedding.values.view, [id], input.view, this.sizes.embeddingSize);
    this.stack.step(this.table ? ids : input, output, state, state);
    const { V, b } = this.readout;
    linear(this.kernels, output, V.values, b.values, logits, 1);
    return logits.view;
  }

  /** W, U, b_ih and b_hh of each layer. */
  get layerParameters(): Numbers[][] {
    return this.layers.map(({ W, U, b_ih, b_hh }) => [W, U, b_ih, b_hh].map(({ values }) => values));
  }

  get readoutParameters(): { V: Numbers; b: Numbers } {
    const { V, b } = this.readout;
    return { V: V.values, b: b.values };
  }

  /** The rows (T, I) of the embedding for some ids. */
  embed(ids: Int32Array): Floats {
    const size = ids.length * this.sizes.embeddingSize;
    const rows = this.kernels.precision === "float32" ? new Float32Array(size) : new Float64Array(size);
    gatherRows(this.embedding.values.view, ids, rows, this.sizes.embeddingSize);
    return rows;
  }

  release(): void {
    this.buffers?.release();
    this.stack.release();
    this.gradients.release();
    this.list.release();
    const arrays = [...Object.values(this.single), ...Object.values(this.table ?? {})];
    for (const array of arrays) array.release();
  }

  /** The gradients of the embedding and, with a table, of the bottom W and b_ih. */
  private inputGradients(ids: Int32Array, buffers: Buffers): void {
    const embedding = this.embedding;
    if (this.table) {
      const { W, b_ih } = this.layers[0]!;
      linearGradients(this.kernels, this.table.gradient, embedding.values, W.values, this.sizes.vocabularySize, {
        dX: embedding.gradient,
        dW: W.gradient,
        dB: b_ih.gradient,
      });
      return;
    }
    scatterRows(buffers.dInputs!.view, ids, embedding.gradient.view, this.sizes.embeddingSize);
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
