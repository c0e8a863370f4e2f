// Why a worker failed.

import { OutOfMemoryError, UnsupportedBrowserError } from "../../kernels/module.ts";
import { DivergedError } from "../../model/diverged.ts";

export type FailureReason = "unsupported" | "diverged" | "memory" | "other";

export function reasonOf(error: unknown): FailureReason {
  if (error instanceof UnsupportedBrowserError) return "unsupported";
  if (error instanceof DivergedError) return "diverged";
  if (error instanceof OutOfMemoryError || error instanceof WebAssembly.RuntimeError) return "memory";
  return "other";
}
