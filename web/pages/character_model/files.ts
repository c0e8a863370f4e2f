// Files that the reader opens and saves.

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

export function download(name: string, content: Uint8Array): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content as Uint8Array<ArrayBuffer>], { type: "application/zip" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
