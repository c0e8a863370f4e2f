// The state of streams as bytes, in the format of elman.models.stream_state: a state moves between the page and Python.
//
//   0-3 ELST   4-5 version   6-7 zero   8-15 the first bytes of the SHA-256 of model.safetensors
//   16-19 B    20-23 CRC-32 of what follows    24- B records: the entries of each stream, h or h and c of each layer
//
// Numbers are little-endian, and entries are float32.

import type { State } from "../kernels/stack.ts";

const MAGIC = [0x45, 0x4c, 0x53, 0x54];
const VERSION = 1;
const FINGERPRINT_BYTES = 8;
const HEADER_BYTES = 24;

/** The bytes of a state of single precision. `fingerprint` is the SHA-256 of model.safetensors. */
export function stateToBytes(state: State, fingerprint: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + 4 * state.numbers.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(4, VERSION, true);
  bytes.set(fingerprint.subarray(0, FINGERPRINT_BYTES), 8);
  view.setUint32(16, state.B, true);
  forEachNumber(state, (values, index, offset) => view.setFloat32(offset, values[index]!, true));
  view.setUint32(20, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/** Sets a state to the one that was written as bytes. Throws a RangeError that says what is wrong with them. */
export function stateFromBytes(bytes: Uint8Array, fingerprint: Uint8Array, state: State): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || MAGIC.some((value, i) => bytes[i] !== value)) {
    throw new RangeError("these bytes are not the state of a model");
  }
  const version = view.getUint16(4, true);
  if (version !== VERSION || view.getUint16(6, true)) throw new RangeError(`format version ${version}; expected 1`);
  if (fingerprint.subarray(0, FINGERPRINT_BYTES).some((value, i) => bytes[8 + i] !== value)) {
    throw new RangeError("the state is of another model");
  }
  const B = view.getUint32(16, true);
  if (B !== state.B) throw new RangeError(`given the state of ${B} streams; expected ${state.B}`);
  const size = HEADER_BYTES + 4 * state.numbers.length;
  if (bytes.length !== size) throw new RangeError(`given ${bytes.length} bytes; expected ${size}`);
  if (view.getUint32(20, true) !== crc32(bytes.subarray(HEADER_BYTES))) {
    throw new RangeError("the state is damaged: its checksum differs");
  }
  forEachNumber(state, (values, index, offset) => (values[index] = view.getFloat32(offset, true)));
}

/** Calls `use` with each number of a state, as an entry and an index, and its offset in the bytes. */
function forEachNumber(
  state: State,
  use: (values: Float32Array | Float64Array, index: number, offset: number) => void,
): void {
  let offset = HEADER_BYTES;
  for (let b = 0; b < state.B; ++b) {
    for (const { view } of state.arrays) {
      const size = view.length / state.B;
      for (let i = b * size; i < (b + 1) * size; ++i, offset += 4) use(view, i, offset);
    }
  }
}

/** The CRC-32 of zip files. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
