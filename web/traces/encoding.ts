// Arrays in JSON: base64 of their bytes, with dtype and shape. tests/web/exchange.py has the same in Python.

export type Dtype = "float32" | "float64" | "int32" | "uint8";

export interface EncodedArray {
  dtype: Dtype;
  shape: number[];
  data: string;
}

const TYPES = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array } as const;

export function decode(array: EncodedArray): Float32Array | Float64Array | Int32Array | Uint8Array {
  const bytes = Uint8Array.from(atob(array.data), (character) => character.charCodeAt(0));
  return new TYPES[array.dtype](bytes.buffer);
}

/** The JSON form of an array. Its shape is one size if it is not given. */
export function encode(
  values: Float32Array | Float64Array | Int32Array | Uint8Array,
  shape: readonly number[] = [values.length],
): EncodedArray {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  const dtype = (Object.keys(TYPES) as Dtype[]).find((name) => values instanceof TYPES[name])!;
  return { dtype, shape: [...shape], data: btoa(text) };
}
