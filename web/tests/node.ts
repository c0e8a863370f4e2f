// Answers requests in Node.js: one JSON object a line on standard input, one a line on standard output.
//
//     node node.mjs FOLDER        the folder of the built modules

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { answer, type Request } from "./answers.ts";

const folder = process.argv[2]!;

async function load(file: string): Promise<ArrayBuffer> {
  const bytes = await readFile(join(folder, file));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await answer(JSON.parse(line) as Request, load).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
