// A trace: what happened inside a network on one input, as data. Every panel draws a trace and nothing else.
//
// Names and meanings are those of elman.models.trace (docs/en/inspect.md). The JSON form has the fields of trace.json, with
// the arrays inside, as base64 of their bytes.

import type { Precision } from "../kernels/module.ts";
import { decode, encode, type EncodedArray } from "./encoding.ts";

export interface NamedArray {
  shape: readonly number[];
  values: Float64Array;
}

export type Arrays = Record<string, NamedArray>;

export interface LayerTrace {
  name: string;
  direction: "forward" | "backward";
  cell: string;
  /** The labels of its steps: a key of Trace.axes. */
  axis: string;
  states: readonly string[];
  gates: readonly string[];
  arrays: Arrays;
}

export interface Trace {
  task: string;
  input: string;
  axes: Record<string, string[]>;
  layers: LayerTrace[];
  arrays: Arrays;
  facts: Record<string, unknown>;
}

/** A text that is no trace, or a damaged one. */
export class TraceError extends Error {}

const FORMAT = 1;

/** The JSON form. float32: for numbers that were computed with it, half as long. */
export function traceToJson(trace: Trace, precision: Precision = "float64"): string {
  const rounded = (values: Float64Array) => (precision === "float32" ? Float32Array.from(values) : values);
  const encoded = (arrays: Arrays) =>
    Object.fromEntries(
      Object.entries(arrays).map(([name, { shape, values }]) => [name, encode(rounded(values), shape)]),
    );
  const layers = trace.layers.map((layer) => ({ ...layer, arrays: encoded(layer.arrays) }));
  return JSON.stringify({ format: FORMAT, ...trace, layers, arrays: encoded(trace.arrays) });
}

/** Reads the JSON form. Throws TraceError. */
export function traceFromJson(text: string): Trace {
  try {
    const { format, ...trace } = JSON.parse(text) as Trace & { format: number };
    if (format !== FORMAT) throw new TraceError(`format: given ${format}; expected ${FORMAT}`);
    if (Array.isArray(trace.arrays)) throw new TraceError("no arrays in it: elman.inspect.trace_json has them");
    const layers = trace.layers.map((layer) => ({ ...layer, arrays: decodeAll(layer.arrays) }));
    for (const { axis, arrays } of layers) {
      const [steps, labels] = [arrays["h"]!.shape[0], trace.axes[axis]!.length];
      if (steps !== labels) throw new TraceError(`${axis}: given ${labels} labels; expected ${steps}`);
    }
    return { ...trace, layers, arrays: decodeAll(trace.arrays) };
  } catch (error) {
    throw error instanceof TraceError ? error : new TraceError((error as Error).message);
  }
}

function decodeAll(arrays: unknown): Arrays {
  const entries = Object.entries(arrays as Record<string, EncodedArray>).map(([name, encoded]) => {
    const values = Float64Array.from(decode(encoded) as ArrayLike<number>);
    const expected = encoded.shape.reduce((product, size) => product * size, 1);
    if (values.length !== expected)
      throw new TraceError(`${name}: given ${values.length} numbers; expected ${expected}`);
    return [name, { shape: encoded.shape, values }] as const;
  });
  return Object.fromEntries(entries);
}
