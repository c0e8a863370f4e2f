// Trains the network, so that the page stays responsive. page.ts sends the requests of protocol.ts.

import kernelBytes from "../../../src/elman/web/kernels-float32.wasm";
import { Kernels } from "../../kernels/module.ts";
import { EncoderDecoder } from "../../model/encoder_decoder.ts";
import { encoderDecoderFolder } from "../../model/encoder_decoder_folder.ts";
import { zipFolder } from "../../model/folder.ts";
import { reverse, reversalVocabulary } from "../../model/reversal.ts";
import { exactByLength, type ReversalOptions, reversalSizes, ReversalTrainer } from "../../model/reversal_training.ts";
import { reasonOf } from "../shared/failure.ts";
import { nextTurn } from "../shared/turn.ts";
import type { Reply, Request } from "./protocol.ts";

const SLICE = 30; // milliseconds of training, after which messages are handled
const REPORT_EVERY = 250; // milliseconds
const MOMENTS = 40; // of the updates of one request
const SEQUENCES = 50; // of each length

type OfRun<T> = T extends unknown ? Omit<T, "run"> : never;

/** One network, from its first weights on. */
class Run {
  /** The weights of each moment. */
  private readonly snapshots: Float32Array[] = [];
  private readonly trainer: ReversalTrainer;
  /** Has the weights of any moment, while the trainer has the last ones. */
  private readonly viewer: EncoderDecoder;
  private update = 0;
  private end = 0;
  private every = 1;
  private isRunning = false;
  private isReleased = false;
  private losses: number[] = [];
  private seconds = 0;

  constructor(
    kernels: Kernels,
    private readonly number: number,
    private readonly options: ReversalOptions,
  ) {
    this.trainer = new ReversalTrainer(kernels, options);
    this.viewer = new EncoderDecoder(kernels, reversalSizes(options));
    this.reply({ type: "created", weights: this.trainer.model.list.values.length });
    this.addMoment();
  }

  private reply(message: OfRun<Reply>): void {
    postMessage({ run: this.number, ...message });
  }

  /** Validates and keeps the weights. */
  private addMoment(): void {
    const { losses, update } = this;
    this.snapshots.push((this.trainer.model.list.values.view as Float32Array).slice());
    const trainingLoss = losses.length ? losses.reduce((sum, loss) => sum + loss, 0) / losses.length : null;
    this.losses = [];
    this.reply({ type: "moment", moment: { update, trainingLoss, ...this.trainer.validate() } });
  }

  /** Trains until all updates are done, or until `stop`, and then replies; before that, it is not called again. */
  async train(updates: number): Promise<void> {
    this.isRunning = true;
    if (this.update >= this.end) this.end = this.update + updates;
    this.every = Math.ceil(updates / MOMENTS);
    const start = performance.now();
    let reported = start;
    while (this.isRunning && this.update < this.end) {
      this.trainSlice();
      if (performance.now() - reported >= REPORT_EVERY && this.losses.length) {
        this.reply({ type: "progress", update: this.update, loss: this.losses.at(-1)! });
        reported = performance.now();
      }
      await nextTurn();
    }
    this.isRunning = false;
    if (this.isReleased) return;
    if (this.losses.length) this.addMoment();
    this.seconds += (performance.now() - start) / 1000;
    this.reply({ type: "stopped", update: this.update, seconds: this.seconds });
  }

  /** Trains for some milliseconds, or until a moment. */
  private trainSlice(): void {
    const start = performance.now();
    do {
      this.losses.push(this.trainer.step());
      this.update += 1;
      if (this.update % this.every === 0) return this.addMoment();
    } while (this.update < this.end && performance.now() - start < SLICE);
  }

  stop(): void {
    this.isRunning = false;
  }

  private modelAt(moment: number): EncoderDecoder {
    this.viewer.setWeights(this.snapshots[moment]!);
    return this.viewer;
  }

  look(moment: number, source: number[]): void {
    this.reply({ type: "looked", moment, source, reversal: reverse(this.modelAt(moment), source) });
  }

  /** Handles other requests after each length. They may set other weights, so each length sets its own. */
  async measureLengths(moment: number, most: number): Promise<void> {
    const shares: number[] = [];
    for (const share of exactByLength(() => this.modelAt(moment), this.options, most, SEQUENCES)) {
      shares.push(share);
      await nextTurn();
      if (this.isReleased) return;
    }
    this.reply({ type: "lengths", moment, shares });
  }

  save(moment: number, name: string, card: string): void {
    const files = encoderDecoderFolder(this.modelAt(moment), reversalVocabulary(this.options.symbols), card);
    this.reply({ type: "saved", zip: zipFolder(name, files) });
  }

  release(): void {
    [this.isReleased, this.isRunning] = [true, false];
    this.trainer.release();
    this.viewer.release();
  }
}

let kernels: Kernels | null = null;
let run: Run | null = null;
let newest = 0; // number of a run
/** Until then, the requests that follow wait. */
let creation: Promise<void> = Promise.resolve();

async function create(number: number, options: ReversalOptions): Promise<void> {
  kernels ??= await Kernels.load(kernelBytes, "float32");
  if (number !== newest) return;
  run?.release();
  run = null;
  run = new Run(kernels, number, options);
}

async function handle(request: Request): Promise<void> {
  if (request.type === "create") {
    newest = request.run;
    creation = create(request.run, request.options);
    return creation;
  }
  await creation.catch(() => null); // whoever asked for it reports the error
  if (run === null || request.run !== newest) return;
  if (request.type === "train") return run.train(request.updates);
  if (request.type === "stop") return run.stop();
  if (request.type === "look") return run.look(request.moment, request.source);
  if (request.type === "lengths") return run.measureLengths(request.moment, request.most);
  return run.save(request.moment, request.name, request.card);
}

addEventListener("message", async ({ data: request }: MessageEvent<Request>) => {
  try {
    await handle(request);
  } catch (error) {
    if (request.run !== newest) return;
    // After a failure, the memory of the module may be in any state, so the next run loads a new module.
    [run, kernels] = [null, null];
    const reply: Reply = { run: request.run, type: "failed", reason: reasonOf(error), detail: String(error) };
    postMessage(reply);
  }
});
