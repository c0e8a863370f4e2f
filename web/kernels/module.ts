// A WebAssembly module of the kernels, and arrays in its memory.
//
//   const kernels = await Kernels.load(bytes, "float32");
//   const x = kernels.floats([1, 2, 3]);
//
// A module has one precision. Arrays live in its memory until `release` is called on them.

export type Precision = "float32" | "float64";
export type Floats = Float32Array | Float64Array;

type View = Floats | Int32Array | Uint8Array;
type ViewType<V extends View> = {
  new (buffer: ArrayBuffer, offset: number, length: number): V;
  BYTES_PER_ELEMENT: number;
};

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
  apply_tanh(count: number, numbers: number): void;
  tanh_gradient(count: number, y: number, dY: number): void;
  attention(
    B: number,
    T: number,
    S: number,
    H: number,
    queries: number,
    keys: number,
    memories: number,
    lengths: number,
    weights: number,
    contexts: number,
  ): void;
  attention_gradients(
    B: number,
    T: number,
    S: number,
    H: number,
    queries: number,
    keys: number,
    memories: number,
    lengths: number,
    weights: number,
    dContexts: number,
    dQueries: number,
    dKeys: number,
    dMemories: number,
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

/** The memory of the module is used up. */
export class OutOfMemoryError extends Error {}

/** The module, in one precision. */
export class Kernels {
  private constructor(
    readonly exports: Exports,
    readonly precision: Precision,
  ) {}

  /** Compiles and starts a module. Throws UnsupportedBrowserError where there are no vectors in WebAssembly. */
  static async load(bytes: BufferSource, precision: Precision): Promise<Kernels> {
    if (typeof WebAssembly === "undefined" || !WebAssembly.validate(bytes)) {
      throw new UnsupportedBrowserError(
        "this browser cannot run the kernels: they need WebAssembly with 128-bit vectors",
      );
    }
    const { instance } = await WebAssembly.instantiate(bytes, {});
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
  const pointer = kernels.exports.allocate(bytes) >>> 0; // WebAssembly returns signed numbers
  if (pointer === 0) throw new OutOfMemoryError(`not enough memory for ${bytes} bytes`);
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

export type Numbers = ModuleArray<Floats>;

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

/** The product of the sizes of a shape. */
export function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Throws a RangeError unless an array has this length. */
export function expectLength(name: string, array: ModuleArray<View>, length: number): void {
  if (array.length !== length) throw new RangeError(`${name}: given ${array.length} numbers; expected ${length}`);
}

/** Throws a RangeError unless all values are integers from `least` to `most`. */
export function expectIntegers(name: string, values: ArrayLike<number>, least: number, most: number): void {
  for (let i = 0; i < values.length; ++i) {
    const value = values[i]!;
    if (!(value >= least && value <= most && Number.isInteger(value))) {
      const range =
        most === Infinity ? `of ${least} or more` : least === -Infinity ? `up to ${most}` : `from ${least} to ${most}`;
      throw new RangeError(`${name}: given ${value}; expected integers ${range}`);
    }
  }
}
