// A trace: what happened inside a network on one input, as data. Every panel draws a trace and nothing else.
//
// Names and meanings are those of elman.models.trace (docs/en/inspect.md). The JSON form has the fields of trace.json, with
// the arrays inside, as base64 of their bytes.

import { encode } from "./encoding.ts";

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

const FORMAT = 1;

export function traceToJson(trace: Trace): string {
  const encoded = (arrays: Arrays) =>
    Object.fromEntries(Object.entries(arrays).map(([name, { shape, values }]) => [name, encode(values, shape)]));
  const layers = trace.layers.map((layer) => ({ ...layer, arrays: encoded(layer.arrays) }));
  return JSON.stringify({ format: FORMAT, ...trace, layers, arrays: encoded(trace.arrays) });
}
