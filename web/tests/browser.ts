// Answers requests in a browser: the page calls window.answer(request).

import { answer, type Request } from "./answers.ts";

declare global {
  interface Window {
    answer(request: Request): Promise<Record<string, unknown>>;
  }
}

async function load(file: string): Promise<ArrayBuffer> {
  return (await fetch(file)).arrayBuffer();
}

window.answer = (request) => answer(request, load).catch((error: unknown) => ({ error: String(error) }));
