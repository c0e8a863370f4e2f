// A window with the page of a trace, in which the reader looks inside the network.

import tracePage from "trace-page";
import { download } from "../shared/elements.ts";
import type { Language } from "../shared/language.ts";

export class TraceWindow {
  private window: Window | null = null;

  /** Opens an empty window. A browser allows it in answer to a click only. */
  open(): void {
    this.window = window.open("", "_blank");
  }

  /** Shows a trace in the window, or closes it. Where the browser has not allowed a window, saves the page as a file. */
  show(trace: string | null, language: Language): void {
    if (trace === null) return this.window?.close();
    const page = tracePage.replace("</script>", () => `${trace.replaceAll("<", "\\u003c")}</script>`);
    if (this.window === null) return download("trace.html", page, "text/html");
    const url = URL.createObjectURL(new Blob([page], { type: "text/html" }));
    this.window.location.href = `${url}#lang=${language}`;
  }
}
