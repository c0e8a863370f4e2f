// A typed interface of the WebAssembly module: arrays in its memory, stacks of layers, readout, clipping, optimizers.
//
//   const kernels = await Kernels.load(bytes, "float32");
//   const stack = new Stack(kernels, { cell: "lstm", inputSize: 64, hiddenSizes: [[128]] }, parameters);
//
// Symbols are those of elman.cells: B batch size, T time steps, I input size, H hidden size, G gates, D directions. A
// module has one precision. Arrays live in the module's memory until `release` is called on them.

export type Precision = "float32" | "float64";
export type Cell = "elman" | "gru" | "lstm";
export type Activation = "tanh" | "relu" | "sigmoid" | "identity";

type View = Float32Array | Float64Array | Int32Array | Uint8Array;
type ViewType<V extends View> = {
  new (buffer: ArrayBuffer, offset: number, length: number): V;
  BYTES_PER_ELEMENT: number;
};
export type Floats = Float32Array | Float64Array;

const CELLS: readonly Cell[] = ["elman", "gru", "lstm"];
const ACTIVATIONS: readonly Activation[] = ["tanh", "relu", "sigmoid", "identity"];
const GATES: Record<Cell, number> = { elman: 1, gru: 3, lstm: 4 };
const STATES: Record<Cell, number> = { elman: 1, gru: 1, lstm: 2 };

interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  allocate(bytes: number): number;
  release(pointer: number): void;
  stack_create(
    cell: number,
    activation: number,
    layers: number,
    directions: number,
    inputSize: number,
    hiddenSizes: number,
    tableRows: number,
    parameters: number,
  ): number;
  stack_destroy(stack: number): void;
  stack_pack(stack: number): void;
  stack_forward(
    stack: number,
    T: number,
    B: number,
    timeFirst: number,
    inputs: number,
    outputs: number,
    initial: number,
    final: number,
    lengths: number,
    reset: number,
    keepTape: number,
  ): void;
  stack_backward(
    stack: number,
    dOutputs: number,
    dFinal: number,
    dInputs: number,
    dInitial: number,
    gradients: number,
  ): number;
  stack_step(stack: number, B: number, inputs: number, outputs: number, initial: number, final: number): void;
  linear(N: number, I: number, O: number, x: number, W: number, b: number, y: number): void;
  linear_gradients(
    N: number,
    I: number,
    O: number,
    dY: number,
    x: number,
    W: number,
    dX: number,
    dW: number,
    dB: number,
  ): void;
  softmax_cross_entropy(
    N: number,
    I: number,
    O: number,
    x: number,
    V: number,
    b: number,
    targets: number,
    losses: number,
    dX: number,
    dV: number,
    dB: number,
  ): void;
  sum_of_squares(count: number, numbers: number): number;
  scale(count: number, numbers: number, factor: number): void;
  update_by_sgd(count: number, parameters: number, gradient: number, rate: number): void;
  update_by_adam(
    count: number,
    parameters: number,
    gradient: number,
    m: number,
    v: number,
    t: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
}

/** WebAssembly, or its vector instructions, are missing. */
export class UnsupportedBrowserError extends Error {}

/** The module, in one precision. */
export class Kernels {
  private constructor(
    readonly exports: Exports,
    readonly precision: Precision,
  ) {}

  /** Compiles and starts a module. Throws UnsupportedBrowserError where there are no vectors in WebAssembly. */
  static async load(bytes: BufferSource, precision: Precision): Promise<Kernels> {
    return Kernels.start(await Kernels.compile(bytes), precision);
  }

  /** Compiles a module, which several workers can start. */
  static async compile(bytes: BufferSource): Promise<WebAssembly.Module> {
    if (typeof WebAssembly === "undefined" || !WebAssembly.validate(bytes)) {
      throw new UnsupportedBrowserError(
        "this browser cannot run the kernels: they need WebAssembly with 128-bit vectors",
      );
    }
    return WebAssembly.compile(bytes);
  }

  /** Starts a compiled module, with memory of its own. */
  static async start(module: WebAssembly.Module, precision: Precision): Promise<Kernels> {
    const instance = await WebAssembly.instantiate(module, {});
    const exports = instance.exports as unknown as Exports;
    exports._initialize();
    return new Kernels(exports, precision);
  }

  /** An array of numbers: zeros, or a copy of the given ones. */
  floats(values: number | ArrayLike<number>): ModuleArray<Floats> {
    return allocate<Floats>(this, this.precision === "float32" ? Float32Array : Float64Array, values);
  }

  /** An array of 32-bit integers: zeros, or a copy of the given ones. */
  integers(values: number | ArrayLike<number>): ModuleArray<Int32Array> {
    return allocate(this, Int32Array, values);
  }

  /** An array of 64-bit numbers, whatever the precision: losses. */
  doubles(values: number | ArrayLike<number>): ModuleArray<Float64Array> {
    return allocate(this, Float64Array, values);
  }

  /** An array of bytes, for example of booleans. */
  bytes(values: number | ArrayLike<number>): ModuleArray<Uint8Array> {
    return allocate(this, Uint8Array, values);
  }
}

function allocate<V extends View>(
  kernels: Kernels,
  type: ViewType<V>,
  values: number | ArrayLike<number>,
): ModuleArray<V> {
  const length = typeof values === "number" ? values : values.length;
  const bytes = length * type.BYTES_PER_ELEMENT;
  const pointer = kernels.exports.allocate(bytes);
  if (pointer === 0) throw new RangeError(`not enough memory for ${bytes} bytes`);
  const array = new ModuleArray(kernels, type, pointer, length);
  if (typeof values === "number") array.view.fill(0);
  else array.view.set(values);
  return array;
}

/** An array in the module's memory. */
export class ModuleArray<V extends View = View> {
  private cached: V | undefined;

  constructor(
    private readonly kernels: Kernels,
    private readonly type: ViewType<V>,
    readonly pointer: number,
    readonly length: number,
  ) {}

  /** The numbers. The memory of the module may move when it grows, so do not keep a view while other code runs. */
  get view(): V {
    const buffer = this.kernels.exports.memory.buffer as ArrayBuffer;
    if (this.cached === undefined || this.cached.buffer !== buffer) {
      this.cached = new this.type(buffer, this.pointer, this.length);
    }
    return this.cached;
  }

  /** `length` numbers from `start` on, in the same memory. */
  slice(start: number, length: number): ModuleArray<V> {
    if (start < 0 || length < 0 || start + length > this.length) {
      throw new RangeError(`slice: given ${start} to ${start + length}; expected a part of 0 to ${this.length}`);
    }
    return new ModuleArray(this.kernels, this.type, this.pointer + start * this.type.BYTES_PER_ELEMENT, length);
  }

  /** Frees the memory. Only for an array that is no slice. */
  release(): void {
    this.kernels.exports.release(this.pointer);
  }
}

type Numbers = ModuleArray<Floats>;

/** A list of arrays as the module reads it: their addresses. Null for an array that is not needed. */
export class ArrayList {
  readonly addresses: ModuleArray<Int32Array>;

  constructor(
    kernels: Kernels,
    readonly arrays: readonly (Numbers | null)[],
  ) {
    this.addresses = kernels.integers(arrays.map((array) => array?.pointer ?? 0));
  }

  get pointer(): number {
    return this.addresses.pointer;
  }

  release(): void {
    this.addresses.release();
  }
}

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

export function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
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
    const sizes = shape.hiddenSizes.flat().flatMap((H) => Array<number>(STATES[shape.cell]).fill(B * H));
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
    if (state && state.B !== B) throw new RangeError(`${name}: given ${state.B} rows; expected ${B}`);
  }
}

/** y (N, O) = x (N, I) W^T + b, W (O, I), b (O,) or null. */
export function linear(kernels: Kernels, x: Numbers, W: Numbers, b: Numbers | null, y: Numbers, N: number): void {
  const [I, O] = [x.length / N, y.length / N];
  expectLength("W", W, O * I);
  if (b) expectLength("b", b, O);
  kernels.exports.linear(N, I, O, x.pointer, W.pointer, b?.pointer ?? 0, y.pointer);
}

/** The gradients of `linear` from dY (N, O). They are overwritten; null if not needed. */
export function linearGradients(
  kernels: Kernels,
  dY: Numbers,
  x: Numbers,
  W: Numbers,
  N: number,
  gradients: { dX?: Numbers | null; dW?: Numbers | null; dB?: Numbers | null },
): void {
  const [I, O] = [x.length / N, dY.length / N];
  const { dX, dW, dB } = gradients;
  expectLength("W", W, O * I);
  if (dX) expectLength("dX", dX, N * I);
  if (dW) expectLength("dW", dW, O * I);
  if (dB) expectLength("dB", dB, O);
  kernels.exports.linear_gradients(
    N,
    I,
    O,
    dY.pointer,
    x.pointer,
    W.pointer,
    dX?.pointer ?? 0,
    dW?.pointer ?? 0,
    dB?.pointer ?? 0,
  );
}

/** What the readout V (O, I), b (O,) of x (N, I) reads and writes. Gradients are those of the sum of the losses. */
export interface ReadoutArrays {
  x: Numbers;
  V: Numbers;
  b: Numbers | null;
  /** (N,): classes; negative ones do not count. */
  targets: ModuleArray<Int32Array>;
  /** (N,) in nats. */
  losses: ModuleArray<Float64Array>;
  dX?: Numbers | null;
  dV?: Numbers | null;
  dB?: Numbers | null;
}

/** Computes the softmax cross-entropy of a readout, and its gradients. */
export function softmaxCrossEntropy(kernels: Kernels, arrays: ReadoutArrays): void {
  const { x, V, b, targets, losses, dX, dV, dB } = arrays;
  const N = targets.length;
  const I = x.length / N;
  const O = V.length / I;
  expectLength("losses", losses, N);
  if (b) expectLength("b", b, O);
  if (dX) expectLength("dX", dX, N * I);
  if (dV) expectLength("dV", dV, O * I);
  if (dB) expectLength("dB", dB, O);
  expectIntegers("targets", targets.view, -Infinity, O - 1);
  kernels.exports.softmax_cross_entropy(
    N,
    I,
    O,
    x.pointer,
    V.pointer,
    b?.pointer ?? 0,
    targets.pointer,
    losses.pointer,
    dX?.pointer ?? 0,
    dV?.pointer ?? 0,
    dB?.pointer ?? 0,
  );
}

/** Multiplies all gradients by `factor`, and by less if their norm would be larger than maxNorm. Returns that norm. */
export function scaleAndClip(kernels: Kernels, gradient: Numbers, factor: number, maxNorm: number): number {
  const { exports } = kernels;
  const norm = factor * Math.sqrt(exports.sum_of_squares(gradient.length, gradient.pointer));
  exports.scale(gradient.length, gradient.pointer, norm > maxNorm ? (factor * maxNorm) / norm : factor);
  return norm;
}

/** Stochastic gradient descent: parameters -= rate * gradient. */
export function updateBySgd(kernels: Kernels, parameters: Numbers, gradient: Numbers, rate: number): void {
  expectLength("gradient", gradient, parameters.length);
  kernels.exports.update_by_sgd(parameters.length, parameters.pointer, gradient.pointer, rate);
}

/** Adam (Kingma and Ba, 2015, algorithm 1), with the bits of elman.cells.adam. */
export class Adam {
  private readonly m: Numbers;
  private readonly v: Numbers;
  private t = 0;

  constructor(
    private readonly kernels: Kernels,
    private readonly parameters: Numbers,
    private readonly betas: readonly [number, number] = [0.9, 0.999],
    private readonly epsilon = 1e-8,
  ) {
    this.m = kernels.floats(parameters.length);
    this.v = kernels.floats(parameters.length);
  }

  update(gradient: Numbers, rate: number): void {
    expectLength("gradient", gradient, this.parameters.length);
    this.t += 1;
    this.kernels.exports.update_by_adam(
      this.parameters.length,
      this.parameters.pointer,
      gradient.pointer,
      this.m.pointer,
      this.v.pointer,
      this.t,
      rate,
      ...this.betas,
      this.epsilon,
    );
  }

  release(): void {
    this.m.release();
    this.v.release();
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
    throw new RangeError("hiddenSizes: expected one or two sizes for each layer, one for each direction");
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
    else if (name === "W" || name === "U") throw new RangeError(`${name} of layer ${layer}: given null`);
  });
}

function expectLength(name: string, array: ModuleArray<View>, length: number): void {
  if (array.length !== length) throw new RangeError(`${name}: given ${array.length} numbers; expected ${length}`);
}

function expectIntegers(name: string, values: ArrayLike<number>, least: number, most: number): void {
  for (let i = 0; i < values.length; ++i) {
    const value = values[i]!;
    if (!(value >= least && value <= most && Number.isInteger(value))) {
      throw new RangeError(`${name}: given ${value}; expected integers from ${least} to ${most}`);
    }
  }
}
