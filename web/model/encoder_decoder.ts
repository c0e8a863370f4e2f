// An encoder-decoder with attention, as elman.tasks.seq2seq with its attention `dot` and without its other options.
//
//   m, s_0   = encoder(source </s>)             one layer, in one direction or in both, of H outputs together
//   s_0      = tanh(W_h h + b_h)                the bridge; for c of an LSTM, W_c c + b_c
//   s_t      = decoder(embedding[y_(t-1)], s_(t-1))          y_0 = <s>
//   a_t      = softmax over s of s_t . m_s      attention weights; c_t = sum over s of a_ts m_s
//   h~_t     = tanh(W [c_t; s_t] + b)
//   p(y_t)   = softmax(V h~_t + b)              until </s>
//
// The decoder reads the correct target, so attention comes after it, for all steps at once. Symbols are those of
// attention.ts: B pairs, S source steps, T target steps, H hidden size.

import { attention, attentionGradients } from "../kernels/attention.ts";
import { ArrayList, type Floats, type Kernels, type Numbers } from "../kernels/module.ts";
import { type Cell, Stack, type StackShape } from "../kernels/stack.ts";
import { applyTanh, linear, linearGradients, softmaxCrossEntropy, tanhGradient } from "../kernels/training.ts";
import { BatchArrays, GradientArrays, SourceArrays, TargetArrays } from "./encoder_decoder_arrays.ts";
import { setInitialWeights } from "./initial_weights.ts";
import { Memory } from "./memory.ts";
import type { PairBatch } from "./pair_batch.ts";
import { layerParameters, type NamedShape, type Parameter, ParameterList } from "./parameters.ts";
import { gatherRows, joinColumns, scatterRows, splitColumns } from "./rows.ts";
import { END_ID, START_ID, UNKNOWN_ID } from "./vocabulary.ts";

export interface EncoderDecoderSizes {
  cell: Cell;
  /** Sources and targets have the same tokens. */
  vocabularySize: number;
  embeddingSize: number;
  /** H; even if the encoder reads in both directions, each of which has half of the units. */
  hiddenSize: number;
  bidirectional: boolean;
}

/** What the decoder reads but never writes, as in elman.tasks.seq2seq. */
const NEVER_WRITTEN = [UNKNOWN_ID, START_ID];

const STATES: Record<Cell, readonly string[]> = { elman: ["h"], gru: ["h"], lstm: ["h", "c"] };

function stackShapes({ cell, embeddingSize, hiddenSize: H, bidirectional }: EncoderDecoderSizes) {
  const shape = (sizes: number[]): StackShape => ({ cell, inputSize: embeddingSize, hiddenSizes: [sizes] });
  return { encoder: shape(bidirectional ? [H / 2, H / 2] : [H]), decoder: shape([H]) };
}

function networkParameters(sizes: EncoderDecoderSizes): NamedShape[] {
  const { cell, vocabularySize: V, embeddingSize: E, hiddenSize: H } = sizes;
  const shapes = stackShapes(sizes);
  return [
    { name: "encoder.embedding.weight", shape: [V, E] },
    ...layerParameters("encoder.", shapes.encoder),
    { name: "decoder.embedding.weight", shape: [V, E] },
    ...layerParameters("decoder.", shapes.decoder),
    ...STATES[cell].flatMap((state) => [
      { name: `bridge.0_${state}.weight`, shape: [H, H] },
      { name: `bridge.0_${state}.bias`, shape: [H] },
    ]),
    { name: "combine.weight", shape: [H, 2 * H] },
    { name: "combine.bias", shape: [H] },
    { name: "readout.weight", shape: [V, H] },
    { name: "readout.bias", shape: [V] },
  ];
}

/** A linear layer. */
interface Linear {
  W: Parameter;
  b: Parameter;
}

/** A stack with the gradients of its parameters. */
interface Layers {
  stack: Stack;
  gradients: ArrayList;
  embedding: Parameter;
}

export class EncoderDecoder {
  readonly list: ParameterList;
  private readonly memory: Memory;
  private readonly encoder: Layers;
  private readonly decoder: Layers;
  /** For each state of the cell. */
  private readonly bridges: readonly Linear[];
  private readonly combine: Linear;
  private readonly readout: Linear;
  private batch: BatchArrays | null = null;

  constructor(
    readonly kernels: Kernels,
    readonly sizes: EncoderDecoderSizes,
  ) {
    this.memory = new Memory(kernels);
    this.list = new ParameterList(kernels, networkParameters(sizes));
    const shapes = stackShapes(sizes);
    this.encoder = this.layers("encoder", shapes.encoder);
    this.decoder = this.layers("decoder", shapes.decoder);
    this.bridges = STATES[sizes.cell].map((state) => this.linearLayer(`bridge.0_${state}`));
    this.combine = this.linearLayer("combine");
    this.readout = this.linearLayer("readout");
  }

  private layers(name: string, shape: StackShape): Layers {
    const parameters = this.list.startingWith(`${name}.layers.`);
    const stack = this.memory.stack(
      shape,
      parameters.map(({ values }) => values),
    );
    const gradients = this.memory.list(parameters.map(({ gradient }) => gradient));
    return { stack, gradients, embedding: this.list.get(`${name}.embedding.weight`) };
  }

  private linearLayer(name: string): Linear {
    return { W: this.list.get(`${name}.weight`), b: this.list.get(`${name}.bias`) };
  }

  /** Sets random weights. */
  initialize(seed: number): void {
    setInitialWeights(this.list.parameters, this.sizes.cell, seed);
    this.refresh();
  }

  /** Sets all weights: a copy of `list.values`. */
  setWeights(values: ArrayLike<number>): void {
    this.list.values.view.set(values);
    this.refresh();
  }

  /** Prepares the weights for computing, after they have changed. */
  refresh(): void {
    this.encoder.stack.pack();
    this.decoder.stack.pack();
  }

  /** Returns the sum of the losses of all targets in nats. With `backward`, the gradients of the sum are computed. */
  loss(batch: PairBatch, backward: boolean): number {
    const { source, target, gradients, targets, losses } = this.arraysFor(batch);
    this.encode(source, batch, backward);
    this.decode(source, target, batch.inputs, backward);
    targets.view.set(batch.targets);
    const { W, b } = this.readout;
    softmaxCrossEntropy(this.kernels, {
      ...{ x: target.outputs, V: W.values, b: b.values, targets, losses },
      ...(backward ? { dX: gradients.outputs, dV: W.gradient, dB: b.gradient } : {}),
    });
    if (backward) {
      this.decodeBackward(source, target, gradients, batch.inputs);
      this.encodeBackward(source, gradients, batch.sources);
    }
    return losses.view.reduce((sum, loss) => sum + loss, 0);
  }

  /** The attention weights (B, T, S) of the last batch whose loss was computed. */
  attentionWeights(): Floats {
    return this.batch!.target.weights.view.slice();
  }

  /** Writes a target for each source, without its end. The decoder reads its own most probable token of the step before;
   * `<unk>` and `<s>` are not written. */
  write(batch: PairBatch, maxLength: number): number[][] {
    const memory = new Memory(this.kernels);
    try {
      return this.writeIn(memory, batch, maxLength);
    } finally {
      memory.release();
    }
  }

  private writeIn(memory: Memory, batch: PairBatch, maxLength: number): number[][] {
    const { B, S } = batch;
    const source = new SourceArrays(memory, this.encoder.stack, this.decoder.stack, { ...this.sizes, B, S });
    const step = new TargetArrays(memory, this.decoder.stack, { ...this.sizes, B, S, T: 1 });
    const logits = memory.floats(B * this.sizes.vocabularySize);
    const written = Array.from({ length: B }, (): number[] => []);
    const hasEnded = Array<boolean>(B).fill(false);
    let tokens = Array<number>(B).fill(START_ID);
    this.encode(source, batch, false);
    for (let t = 0; t < maxLength && !hasEnded.every(Boolean); ++t) {
      gatherRows(this.decoder.embedding.values.view, tokens, step.inputs.view, this.sizes.embeddingSize);
      this.decoder.stack.step(step.inputs, step.queries, source.initial, source.initial);
      this.attend(source, step);
      linear(this.kernels, step.outputs, this.readout.W.values, this.readout.b.values, logits, B);
      tokens = largestOfRows(logits.view, B, NEVER_WRITTEN);
      tokens.forEach((token, b) => {
        hasEnded[b] ||= token === END_ID;
        if (!hasEnded[b]) written[b]!.push(token);
      });
    }
    return written;
  }

  release(): void {
    this.batch?.release();
    this.memory.release();
    this.list.release();
  }

  private arraysFor(batch: PairBatch): BatchArrays {
    if (!this.batch?.fits(batch)) {
      this.batch?.release();
      const { B, S, T } = batch;
      this.batch = new BatchArrays(this.kernels, this.encoder.stack, this.decoder.stack, { ...this.sizes, B, S, T });
    }
    return this.batch;
  }

  private encode(source: SourceArrays, { B, S, sources, lengths }: PairBatch, keepTape: boolean): void {
    const { stack, embedding } = this.encoder;
    gatherRows(embedding.values.view, sources, source.inputs.view, this.sizes.embeddingSize);
    source.lengths.view.set(lengths);
    const { inputs, memories, final } = source;
    stack.forward({ T: S, B, inputs, outputs: memories, final, lengths: source.lengths, keepTape });
    this.bridges.forEach(({ W, b }, state) => {
      const [last, initial] = [source.last[state]!, source.initial.arrays[state]!];
      joinColumns(
        source.lastParts(state).map(({ view }) => view),
        last.view,
        B,
      );
      linear(this.kernels, last, W.values, b.values, initial, B);
      if (state === 0) applyTanh(this.kernels, initial); // h
    });
  }

  private decode(source: SourceArrays, target: TargetArrays, tokens: Int32Array, keepTape: boolean): void {
    const { stack, embedding } = this.decoder;
    const { T, inputs, queries: outputs, final } = target;
    gatherRows(embedding.values.view, tokens, inputs.view, this.sizes.embeddingSize);
    stack.forward({ T, B: source.B, inputs, outputs, initial: source.initial, final, keepTape });
    this.attend(source, target);
  }

  /** Computes attention weights, contexts and h~ from the queries. */
  private attend(source: SourceArrays, target: TargetArrays): void {
    const { queries, contexts, joined, outputs } = target;
    const { W, b } = this.combine;
    const rows = source.B * target.T;
    attention(this.kernels, attentionArrays(source, target));
    joinColumns([contexts.view, queries.view], joined.view, rows);
    linear(this.kernels, joined, W.values, b.values, outputs, rows);
    applyTanh(this.kernels, outputs);
  }

  /** The gradients below h~, whose gradient is in gradients.outputs, down to the memories and the first state. */
  private decodeBackward(source: SourceArrays, target: TargetArrays, d: GradientArrays, tokens: Int32Array): void {
    const { kernels } = this;
    const { W, b } = this.combine;
    const rows = source.B * target.T;
    tanhGradient(kernels, target.outputs, d.outputs);
    linearGradients(kernels, d.outputs, target.joined, W.values, rows, {
      dX: d.joined,
      dW: W.gradient,
      dB: b.gradient,
    });
    splitColumns(d.joined.view, [d.contexts.view, d.states.view], rows);
    attentionGradients(kernels, attentionArrays(source, target), {
      ...{ dContexts: d.contexts, dQueries: d.queries, dKeys: d.memories, dMemories: d.memories },
    });
    addTo(d.states, d.queries);
    const { stack, gradients, embedding } = this.decoder;
    stack.backward({ dOutputs: d.states, dInputs: d.targetInputs, dInitial: d.initial, gradients });
    scatterRows(d.targetInputs.view, tokens, embedding.gradient.view, this.sizes.embeddingSize);
  }

  private encodeBackward(source: SourceArrays, d: GradientArrays, tokens: Int32Array): void {
    this.bridges.forEach(({ W, b }, state) => {
      const [dInitial, dLast] = [d.initial.arrays[state]!, d.last[state]!];
      if (state === 0) tanhGradient(this.kernels, source.initial.arrays[state]!, dInitial);
      const gradients = { dX: dLast, dW: W.gradient, dB: b.gradient };
      linearGradients(this.kernels, dInitial, source.last[state]!, W.values, source.B, gradients);
      splitColumns(
        dLast.view,
        d.lastParts(state).map(({ view }) => view),
        source.B,
      );
    });
    const { stack, gradients, embedding } = this.encoder;
    d.sourceInputs.view.fill(0); // those of padding are not written
    stack.backward({ dOutputs: d.memories, dFinal: d.final, dInputs: d.sourceInputs, gradients });
    scatterRows(d.sourceInputs.view, tokens, embedding.gradient.view, this.sizes.embeddingSize);
  }
}

function attentionArrays({ S, memories, lengths }: SourceArrays, { T, queries, weights, contexts }: TargetArrays) {
  return { T, S, queries, keys: memories, memories, lengths, weights, contexts };
}

function addTo(target: Numbers, source: Numbers): void {
  const [into, from] = [target.view, source.view];
  for (let i = 0; i < into.length; ++i) into[i]! += from[i]!;
}

/** The column of the largest number of each row, without the columns `excluded`; the first of equal ones. */
function largestOfRows(matrix: Floats, rows: number, excluded: readonly number[]): number[] {
  const width = matrix.length / rows;
  const columns = Array.from({ length: width }, (_, i) => i).filter((i) => !excluded.includes(i));
  return Array.from({ length: rows }, (_, row) =>
    columns.reduce((best, i) => (matrix[row * width + i]! > matrix[row * width + best]! ? i : best)),
  );
}
