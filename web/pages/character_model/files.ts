// Files that the reader opens.

const ENCODINGS = ["utf-8", "gb18030"];

/** The text of a file, or null if it is no text in one of the encodings. */
export function decodeText(bytes: ArrayBuffer): string | null {
  for (const encoding of ENCODINGS) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      return text.includes("\0") ? null : text;
    } catch {
      continue; // another encoding
    }
  }
  return null;
}
