// Stacks of recurrent layers in a module: forward, backward, single steps.
//
//   const stack = new Stack(kernels, { cell: "lstm", inputSize: 64, hiddenSizes: [[128]] }, parameters);
//
// Symbols are those of elman.cells: B batch size, T time steps, I input size, H hidden size, G gates, D directions.

import {
  ArrayList,
  count,
  expectIntegers,
  expectLength,
  type Kernels,
  type ModuleArray,
  type Numbers,
} from "./module.ts";

export type Cell = "elman" | "gru" | "lstm";
export type Activation = "tanh" | "relu" | "sigmoid" | "identity";

const CELLS: readonly Cell[] = ["elman", "gru", "lstm"];
const ACTIVATIONS: readonly Activation[] = ["tanh", "relu", "sigmoid", "identity"];
const GATES: Record<Cell, number> = { elman: 1, gru: 3, lstm: 4 };
const STATES: Record<Cell, number> = { elman: 1, gru: 1, lstm: 2 };

/** The cell and the sizes of a stack. */
export interface StackShape {
  cell: Cell;
  /** Of the elman cell; tanh if it is missing. */
  activation?: Activation;
  /** I of the bottom layer; not needed with a table. */
  inputSize?: number;
  /** H by layer, then by direction. */
  hiddenSizes: number[][];
  /** The rows of a table (rows, G * H) of input products with b_ih, in place of the bottom W; inputs are then ids. */
  tableRows?: number;
}

/** The shape of one parameter: rows and columns, or one size. */
export interface ParameterShape {
  name: "W" | "U" | "b_ih" | "b_hh";
  layer: number;
  direction: number;
  shape: number[];
}

/** The shapes of all parameters of a stack, in the order in which Stack takes them. */
export function parameterShapes(shape: StackShape): ParameterShape[] {
  const G = GATES[shape.cell];
  const result: ParameterShape[] = [];
  let I = shape.inputSize ?? 0;
  shape.hiddenSizes.forEach((sizes, layer) => {
    sizes.forEach((H, direction) => {
      const W = layer === 0 && shape.tableRows ? [shape.tableRows, G * H] : [G * H, I];
      result.push(
        { name: "W", layer, direction, shape: W },
        { name: "U", layer, direction, shape: [G * H, H] },
        { name: "b_ih", layer, direction, shape: [G * H] },
        { name: "b_hh", layer, direction, shape: [G * H] },
      );
    });
    I = sizes.reduce((sum, H) => sum + H, 0);
  });
  return result;
}

/** What a forward pass reads and writes. */
export interface ForwardArrays {
  T: number;
  B: number;
  /** Arrays are (T, B, ...) instead of (B, T, ...). */
  timeFirst?: boolean;
  /** (B, T, I), or ids (B, T) with a table. */
  inputs: Numbers | ModuleArray<Int32Array>;
  /** (B, T, D * H) */
  outputs: Numbers;
  initial?: State | null;
  final: State;
  /** (B,): steps after them leave the state alone, and their outputs are not written. */
  lengths?: ModuleArray<Int32Array> | null;
  /** (B, T), always batch first: a document begins here. */
  reset?: ModuleArray<Uint8Array> | null;
  keepTape?: boolean;
}

/** What a backward pass reads and writes. All gradients are overwritten. */
export interface BackwardArrays {
  dOutputs: Numbers;
  dFinal?: State | null;
  dInputs?: Numbers | null;
  dInitial?: State | null;
  /** As the parameters of the stack. */
  gradients: ArrayList;
}

/** The state (B, H) of every layer and direction: h, and c of an LSTM. */
export class State {
  readonly numbers: Numbers;
  readonly list: ArrayList;

  constructor(
    kernels: Kernels,
    shape: StackShape,
    readonly B: number,
  ) {
    const sizes = stateSizes(shape, B);
    this.numbers = kernels.floats(sizes.reduce((sum, size) => sum + size, 0));
    let start = 0;
    const arrays = sizes.map((size) => this.numbers.slice((start += size) - size, size));
    this.list = new ArrayList(kernels, arrays);
  }

  get arrays(): readonly Numbers[] {
    return this.list.arrays as readonly Numbers[];
  }

  copyFrom(other: State): void {
    this.numbers.view.set(other.numbers.view);
  }

  clear(): void {
    this.numbers.view.fill(0);
  }

  release(): void {
    this.list.release();
    this.numbers.release();
  }
}

/** The length of every array of a state. */
function stateSizes(shape: StackShape, B: number): number[] {
  return shape.hiddenSizes.flat().flatMap((H) => Array<number>(STATES[shape.cell]).fill(B * H));
}

/** Layers of one cell, in one or two directions. */
export class Stack {
  readonly outputSize: number;
  private readonly handle: number;
  private readonly list: ArrayList;
  private tape: { T: number; B: number } | null = null;

  /** `parameters` as parameterShapes lists them; a bias may be null. They must exist as long as the stack. */
  constructor(
    private readonly kernels: Kernels,
    readonly shape: StackShape,
    parameters: readonly (Numbers | null)[],
  ) {
    const directions = checkShape(shape);
    checkParameters(shape, parameters);
    this.outputSize = shape.hiddenSizes.at(-1)!.reduce((sum, H) => sum + H, 0);
    this.list = new ArrayList(kernels, parameters);
    const sizes = kernels.integers(shape.hiddenSizes.flat());
    this.handle = kernels.exports.stack_create(
      CELLS.indexOf(shape.cell),
      ACTIVATIONS.indexOf(shape.activation ?? "tanh"),
      shape.hiddenSizes.length,
      directions,
      shape.inputSize ?? 0,
      sizes.pointer,
      shape.tableRows ?? 0,
      this.list.pointer,
    );
    sizes.release();
  }

  state(B: number): State {
    return new State(this.kernels, this.shape, B);
  }

  /** Reads the parameters again, after they have changed. */
  pack(): void {
    this.tape = null;
    this.kernels.exports.stack_pack(this.handle);
  }

  forward(arrays: ForwardArrays): void {
    const { T, B, lengths, reset } = arrays;
    this.checkInputs(arrays.inputs, T * B);
    expectLength("outputs", arrays.outputs, T * B * this.outputSize);
    this.checkState("initial", arrays.initial, B);
    this.checkState("final", arrays.final, B);
    if (lengths) {
      expectLength("lengths", lengths, B);
      expectIntegers("lengths", lengths.view, 0, T);
    }
    if (reset) expectLength("reset", reset, B * T);
    this.tape = arrays.keepTape ? { T, B } : null;
    this.kernels.exports.stack_forward(
      this.handle,
      T,
      B,
      Number(arrays.timeFirst ?? false),
      arrays.inputs.pointer,
      arrays.outputs.pointer,
      arrays.initial?.list.pointer ?? 0,
      arrays.final.list.pointer,
      lengths?.pointer ?? 0,
      reset?.pointer ?? 0,
      Number(arrays.keepTape ?? false),
    );
  }

  /** Computes the gradients of the last forward pass with keepTape; once, because it overwrites the tape. */
  backward(arrays: BackwardArrays): void {
    if (this.tape === null) throw new Error("backward: there is no tape; run forward with keepTape first");
    const { T, B } = this.tape;
    this.tape = null;
    expectLength("dOutputs", arrays.dOutputs, T * B * this.outputSize);
    this.checkState("dFinal", arrays.dFinal, B);
    this.checkState("dInitial", arrays.dInitial, B);
    if (arrays.dInputs) {
      if (this.shape.tableRows) throw new RangeError("dInputs: given; expected null: ids have no derivative");
      expectLength("dInputs", arrays.dInputs, T * B * this.shape.inputSize!);
    }
    checkParameters(this.shape, arrays.gradients.arrays);
    this.kernels.exports.stack_backward(
      this.handle,
      arrays.dOutputs.pointer,
      arrays.dFinal?.list.pointer ?? 0,
      arrays.dInputs?.pointer ?? 0,
      arrays.dInitial?.list.pointer ?? 0,
      arrays.gradients.pointer,
    );
  }

  /** Runs one step of B rows: inputs (B, I) or ids (B,), outputs (B, D * H). `initial` and `final` may be the same. */
  step(inputs: Numbers | ModuleArray<Int32Array>, outputs: Numbers, initial: State | null, final: State): void {
    const B = final.B;
    this.checkInputs(inputs, B);
    expectLength("outputs", outputs, B * this.outputSize);
    this.checkState("initial", initial, B);
    this.tape = null;
    this.kernels.exports.stack_step(
      this.handle,
      B,
      inputs.pointer,
      outputs.pointer,
      initial?.list.pointer ?? 0,
      final.list.pointer,
    );
  }

  release(): void {
    this.kernels.exports.stack_destroy(this.handle);
    this.list.release();
  }

  private checkInputs(inputs: Numbers | ModuleArray<Int32Array>, entries: number): void {
    const { tableRows, inputSize } = this.shape;
    expectLength("inputs", inputs, tableRows ? entries : entries * inputSize!);
    if (tableRows) expectIntegers("inputs", inputs.view, 0, tableRows - 1);
  }

  private checkState(name: string, state: State | null | undefined, B: number): void {
    const expected = stateSizes(this.shape, B);
    if (!state) return;
    if (state.arrays.length !== expected.length) {
      throw new RangeError(`${name}: given ${state.arrays.length} arrays; expected ${expected.length}`);
    }
    state.arrays.forEach((array, i) => expectLength(`array ${i} of ${name}`, array, expected[i]!));
  }
}

/** Returns the number of directions. */
function checkShape(shape: StackShape): number {
  const directions = shape.hiddenSizes[0]?.length ?? 0;
  const sizes = shape.hiddenSizes.flat();
  if (!CELLS.includes(shape.cell)) throw new RangeError(`cell: given ${shape.cell}; expected ${CELLS.join(", ")}`);
  if (!ACTIVATIONS.includes(shape.activation ?? "tanh")) {
    throw new RangeError(`activation: given ${shape.activation}; expected ${ACTIVATIONS.join(", ")}`);
  }
  if (directions < 1 || directions > 2 || shape.hiddenSizes.some((layer) => layer.length !== directions)) {
    const given = JSON.stringify(shape.hiddenSizes);
    throw new RangeError(
      `hiddenSizes: given ${given}; expected one or two sizes for each layer, one for each direction`,
    );
  }
  expectIntegers("hiddenSizes", sizes, 1, Infinity);
  if (shape.tableRows === undefined) expectIntegers("inputSize", [shape.inputSize ?? 0], 1, Infinity);
  else expectIntegers("tableRows", [shape.tableRows], 1, Infinity);
  return directions;
}

function checkParameters(shape: StackShape, arrays: readonly (Numbers | null)[]): void {
  const shapes = parameterShapes(shape);
  if (arrays.length !== shapes.length) {
    throw new RangeError(`parameters: given ${arrays.length} arrays; expected ${shapes.length}`);
  }
  shapes.forEach(({ name, layer, shape: size }, i) => {
    const array = arrays[i];
    if (array) expectLength(`${name} of layer ${layer}`, array, count(size));
    else if (name === "W" || name === "U")
      throw new RangeError(`${name} of layer ${layer}: given null; expected ${count(size)} numbers`);
  });
}
