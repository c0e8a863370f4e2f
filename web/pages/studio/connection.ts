// Requests to the studio that serves this page, with the token of its address, and the events that it sends.

import type { MetricRecord } from "../../panels/training/records.ts";
import type { Language } from "../shared/language.ts";

export interface RunEntry {
  name: string;
  state: "preparing" | "training" | "stopped" | "finished" | "damaged";
  task: string | null;
  step: number;
  seconds: number;
  progress: number | null;
  best_step: number | null;
  best: { name: string; value: number }[];
  has_model: boolean;
  /** When its last checkpoint was written, and why it is damaged. */
  changed: number;
  problem: string;
}

export interface ModelEntry {
  name: string;
  task: string | null;
  problem: string;
}

/** A process that the studio has started. exit_code is null while it runs. */
export interface TrainingEntry {
  name: string;
  exit_code: number | null;
  is_stopping: boolean;
  ended: number | null;
  messages: string;
}

export interface StudioList {
  /** Whether all files and folders were looked at. */
  is_complete: boolean;
  runs: RunEntry[];
  models: ModelEntry[];
  data: { name: string; bytes: number }[];
  folders: string[];
  trainings: TrainingEntry[];
}

export interface NewRecords {
  run: string;
  records: MetricRecord[];
  damaged: number[];
  is_restart: boolean;
}

export interface Listener {
  onList(list: StudioList): void;
  onRecords(records: NewRecords): void;
  /** The connection is open, again perhaps: records come from the beginning. */
  onOpen(): void;
  /** Runs that were chosen and do not exist. */
  onMissing(runs: string[]): void;
  onProblem(problem: "lost" | "token"): void;
}

/** The studio has refused a request; the message is in the language of the page. */
export class RefusedError extends Error {}

/** The studio does not answer. */
export class LostError extends Error {}

const RETRY_MILLISECONDS = 2000;

export class Connection {
  private readonly token = new URLSearchParams(location.search).get("token") ?? "";
  private following: AbortController | null = null;

  constructor(private readonly language: () => Language) {}

  /** The address of another page of the studio. */
  pageAddress(name: string): string {
    return `${name}?${new URLSearchParams({ token: this.token })}`;
  }

  /** Sends JSON, or a file, and returns the answer. Throws RefusedError and LostError. */
  async post(path: string, body: object | File, parameters: Record<string, string> = {}): Promise<Response> {
    const isFile = body instanceof File;
    return this.request(path, parameters, {
      method: "POST",
      body: isFile ? body : JSON.stringify(body),
      headers: { "Content-Type": isFile ? "application/octet-stream" : "application/json" },
    });
  }

  async get(path: string): Promise<Response> {
    return this.request(path, {}, {});
  }

  private async request(path: string, parameters: Record<string, string>, init: RequestInit): Promise<Response> {
    const query = new URLSearchParams({ ...parameters, lang: this.language() });
    const headers = { ...(init.headers as Record<string, string>), "X-Elman-Token": this.token };
    let response: Response;
    try {
      response = await fetch(`${path}?${query}`, { ...init, headers });
    } catch {
      throw new LostError();
    }
    if (isRefusal(response)) throw new RefusedError(await refusal(response));
    return response;
  }

  /** Ends what `follow` has begun. */
  pause(): void {
    this.following?.abort();
  }

  /** Follows the list and the records of runs, until the next call. A lost connection is opened again. */
  follow(runs: readonly string[], listener: Listener): void {
    this.following?.abort();
    const following = new AbortController();
    this.following = following;
    void this.followUntil(following.signal, runs, listener);
  }

  private async followUntil(signal: AbortSignal, runs: readonly string[], listener: Listener): Promise<void> {
    const query = new URLSearchParams({ lang: this.language() });
    for (const run of runs) query.append("run", run);
    while (!signal.aborted) {
      try {
        const headers = { "X-Elman-Token": this.token };
        const response = await fetch(`api/events?${query}`, { headers, signal });
        if (response.status === 401) return listener.onProblem("token");
        if (response.ok) {
          listener.onOpen();
          await readEvents(response.body!, listener);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof TypeError)) throw error; // fetch reports a lost connection as one
      }
      if (signal.aborted) return;
      listener.onProblem("lost");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }
}

/** A problem that the reader can solve has the status 200: a browser reports every other one on its console, too. */
function isRefusal(response: Response): boolean {
  return !response.ok || response.headers.has("X-Elman-Problem");
}

async function refusal(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { text: string }).text;
  } catch {
    return text.trim();
  }
}

/** Passes server-sent events on until the stream ends. */
async function readEvents(body: ReadableStream<Uint8Array>, listener: Listener): Promise<void> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
    .getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop()!;
    for (const block of blocks) {
      const [event, data] = block.split("\n");
      if (event === "event: list") listener.onList(JSON.parse(data!.slice("data: ".length)) as StudioList);
      if (event === "event: missing") {
        listener.onMissing((JSON.parse(data!.slice("data: ".length)) as { runs: string[] }).runs);
      }
      if (event === "event: records") listener.onRecords(JSON.parse(data!.slice("data: ".length)) as NewRecords);
    }
  }
}
