// A model folder, as `elman` reads it: config.json, model.safetensors, vocabulary.json, README.md, manifest.json.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { zipSync } from "fflate";

import { count } from "../kernels/module.ts";
import type { Parameter } from "./parameters.ts";

const FORMAT = 1;

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** JSON in the one layout of elman's folders: sorted keys, one entry a line. */
function jsonText(value: Json, indent = ""): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent} `;
  const entries = Array.isArray(value)
    ? value.map((item) => jsonText(item, inner))
    : Object.keys(value)
        .sort()
        .map((name) => `${JSON.stringify(name)}: ${jsonText(value[name]!, inner)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return entries.length ? `${open}\n${inner}${entries.join(`,\n${inner}`)}\n${indent}${close}` : open + close;
}

function jsonBytes(value: Json): Uint8Array {
  return new TextEncoder().encode(`${jsonText(value)}\n`);
}

interface Tensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

/** The safetensors format: the length of a JSON header, the header, the numbers. */
export function safetensors(tensors: readonly Tensor[]): Uint8Array {
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  const header: { [name: string]: Json } = {};
  let size = 0;
  for (const { name, shape } of sorted) {
    header[name] = { dtype: "F32", shape, data_offsets: [size, (size += 4 * count(shape))] };
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (text.length % 8)) % 8); // the numbers begin at a multiple of 8
  const bytes = new Uint8Array(8 + text.length + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(new TextEncoder().encode(text), 8);
  let offset = 8 + text.length;
  for (const { values } of sorted) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
    offset += values.byteLength;
  }
  return bytes;
}

/** What a model folder holds. `card` is the text of README.md. */
export interface FolderContent {
  /** config.json, without the format. */
  config: Record<string, Json>;
  parameters: readonly Parameter[];
  /** The tokens of each vocabulary by its name. */
  vocabularies: Record<string, readonly string[]>;
  card: string;
}

/** The files of a model folder by name. The module of the parameters has single precision. */
export function modelFolder({ config, parameters, vocabularies, card }: FolderContent): Record<string, Uint8Array> {
  const tensors = parameters.map(({ name, shape, values }) => ({ name, shape, values: values.view as Float32Array }));
  const tokens = Object.entries(vocabularies).map(([name, list]) => [name, [...list]]);
  const files: Record<string, Uint8Array> = {
    "config.json": jsonBytes({ format: FORMAT, ...config }),
    "model.safetensors": safetensors(tensors),
    "vocabulary.json": jsonBytes(Object.fromEntries(tokens) as Json),
  };
  const sums = Object.entries(files).map(([name, content]) => [
    name,
    { sha256: bytesToHex(sha256(content)), size: content.length },
  ]);
  const manifest = { format: FORMAT, files: Object.fromEntries(sums) as Json };
  return { ...files, "README.md": new TextEncoder().encode(card), "manifest.json": jsonBytes(manifest) };
}

/** A ZIP archive with the files in a folder of this name. */
export function zipFolder(name: string, files: Record<string, Uint8Array>): Uint8Array {
  const entries = Object.entries(files).map(([file, content]) => [`${name}/${file}`, content]);
  return zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>, { level: 6 });
}
