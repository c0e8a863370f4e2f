// Trains and runs the model, so that the page stays responsive. page.ts sends the requests of protocol.ts.

import kernelBytes from "../../../src/elman/web/kernels-float32.wasm";
import { Kernels, OutOfMemoryError } from "../../kernels/module.ts";
import { zipFolder } from "../../model/folder.ts";
import { languageModelFolder } from "../../model/language_model_folder.ts";
import { traceText } from "../../model/language_trace.ts";
import { generate } from "../../model/sampling.ts";
import { splitText, Trainer } from "../../model/training.ts";
import { Vocabulary } from "../../model/vocabulary.ts";
import { traceToJson } from "../../traces/trace.ts";
import { reasonOf } from "../shared/failure.ts";
import { nextTurn } from "../shared/turn.ts";
import type { Reply, Request, TrainRequest } from "./protocol.ts";

const SLICE = 40; // milliseconds of training, after which messages are handled
const REPORT_EVERY = 250; // milliseconds
const [FIRST_VALIDATION, VALIDATE_EVERY] = [500, 4000]; // milliseconds; between them, the time doubles
const MIN_TRAINING_SHARE = 10; // milliseconds of training for each one of validation, at least
const VALIDATIONS_OF_STEPS = 20; // if the budget is a number of updates
const MAX_VALIDATION = 50_000; // characters that are scored during the training
const SAMPLE = { prompt: "", maxTokens: 120, temperature: 0.7, seed: 1 };

interface Best {
  step: number;
  loss: number;
  values: Float32Array;
}

class Training {
  readonly vocabulary: Vocabulary;
  readonly trainer: Trainer;
  step = 0;
  /** Milliseconds of training, without pauses. */
  elapsed = 0;
  running = true;
  /** Whether `loop` runs. */
  looping = false;
  best: Best | null = null;
  private recent: number[] = [];
  private nextValidation = FIRST_VALIDATION;
  private validationsSinceBest = 0;

  constructor(
    kernels: Kernels,
    readonly request: TrainRequest,
  ) {
    const { training, validation } = splitText(request.text);
    const vocabulary = Vocabulary.fromText(training);
    this.vocabulary = vocabulary;
    const sets = [vocabulary.encode(training), vocabulary.encode(validation)] as const;
    this.trainer = new Trainer(kernels, ...sets, vocabulary.size, request.options);
  }

  get progress(): number {
    const { budget } = this.request;
    return "steps" in budget ? this.step / budget.steps : this.elapsed / 1000 / budget.seconds;
  }

  get speed(): number {
    return (this.step * this.trainer.charactersPerStep) / (this.elapsed / 1000);
  }

  /** Whether it is time to score the validation set. With a budget of updates, it does not depend on the clock. */
  get validationIsDue(): boolean {
    const { budget } = this.request;
    if ("steps" in budget) return this.step % Math.ceil(budget.steps / VALIDATIONS_OF_STEPS) === 0;
    return this.elapsed >= this.nextValidation;
  }

  /** Trains for some milliseconds, until a validation is due, or until the budget is used up. */
  run(milliseconds: number): void {
    const start = performance.now();
    let now = start;
    const before = this.elapsed;
    while (now - start < milliseconds && this.progress < 1) {
      this.recent.push(this.trainer.step(this.progress).loss);
      this.step += 1;
      now = performance.now();
      this.elapsed = before + now - start;
      if (this.validationIsDue) return;
    }
  }

  /** The mean training loss since the last call. */
  takeLoss(): number {
    const loss = this.recent.reduce((sum, value) => sum + value, 0) / this.recent.length;
    this.recent = [];
    return loss;
  }

  /** Scores the validation set, and keeps the best weights so far. */
  validate(): void {
    const { trainer } = this;
    const start = performance.now();
    const loss = trainer.validate(MAX_VALIDATION);
    const pause = Math.max(VALIDATE_EVERY, MIN_TRAINING_SHARE * (performance.now() - start));
    this.nextValidation = Math.min(2 * this.elapsed, this.elapsed + pause);
    if (loss === null) return;
    const isBest = this.best === null || loss < this.best.loss;
    this.validationsSinceBest = isBest ? 0 : this.validationsSinceBest + 1;
    if (isBest) this.best = { step: this.step, loss, values: (trainer.model.values.view as Float32Array).slice() };
    reply({
      type: "validated",
      step: this.step,
      loss,
      overfitting: this.validationsSinceBest >= 2,
      sample: this.generate(SAMPLE),
    });
  }

  generate(options: { prompt: string; maxTokens: number; temperature: number; seed: number }): string {
    return [...generate(this.trainer.model, this.vocabulary, options.prompt, options)].join("");
  }

  /** Takes the best weights, as `elman train` does at the end. */
  finish(): void {
    if (this.best) {
      this.trainer.model.values.view.set(this.best.values);
      this.trainer.model.refresh();
    }
    this.running = false;
  }
}

let kernels: Kernels | null = null;
let training: Training | null = null;

function reply(message: Reply): void {
  postMessage(message);
}

async function start(request: TrainRequest): Promise<void> {
  training?.trainer.release();
  training = null;
  kernels ??= await Kernels.load(kernelBytes, "float32");
  training = new Training(kernels, request);
  const { trainer, vocabulary } = training;
  reply({
    type: "started",
    characters: trainer.training.length,
    validation: trainer.validation.length,
    different: vocabulary.size - 1,
    weights: trainer.model.values.length,
    ...trainer.batch,
  });
  await loop(training);
}

/** Trains until the budget is used up, a pause, or another training. */
async function loop(current: Training): Promise<void> {
  if (current.looping) return;
  current.looping = true;
  let reported = current.elapsed;
  const report = () => {
    const { step, progress, elapsed, speed } = current;
    reply({ type: "progress", step, progress, seconds: elapsed / 1000, loss: current.takeLoss(), speed });
    reported = current.elapsed;
  };
  while (training === current && current.running && current.progress < 1) {
    current.run(SLICE);
    if (current.elapsed - reported >= REPORT_EVERY) report();
    if (current.validationIsDue && current.progress < 1) current.validate();
    await nextTurn();
  }
  current.looping = false;
  if (training !== current) return;
  if (current.progress < 1) return reply({ type: "paused", step: current.step });
  if (reported < current.elapsed) report();
  current.validate();
  current.finish();
  const { step, elapsed, speed, best } = current;
  const summary = best && { step: best.step, loss: best.loss };
  reply({ type: "finished", step, seconds: elapsed / 1000, speed, best: summary });
}

function handle(request: Request): Promise<void> | void {
  if (request.type === "train") return start(request);
  if (training === null) return;
  switch (request.type) {
    case "pause":
      training.running = false;
      return;
    case "continue":
      if (training.running || training.progress >= 1) return;
      training.running = true;
      return loop(training);
    case "generate":
      return reply({
        type: "generated",
        text: training.generate(request),
        unknown: training.vocabulary.unknown(request.prompt),
      });
    case "trace": {
      return reply({ type: "traced", ...tracedText(training, request.text) });
    }
    case "save": {
      const files = languageModelFolder(training.trainer.model, training.vocabulary, request.card);
      return reply({ type: "saved", zip: zipFolder(request.name, files) });
    }
  }
}

/** The trace of a text; without memory for it, nothing happens to the training. */
function tracedText({ trainer, vocabulary }: Training, text: string): { trace: string | null } {
  try {
    return { trace: traceToJson(traceText(trainer.model, vocabulary, text), "float32") };
  } catch (error) {
    if (error instanceof OutOfMemoryError || error instanceof RangeError) return { trace: null };
    throw error;
  }
}

addEventListener("message", async (event: MessageEvent<Request>) => {
  try {
    await handle(event.data);
  } catch (error) {
    // What failed may have left anything in the memory of the module: the next training gets a new one.
    [training, kernels] = [null, null];
    reply({ type: "failed", reason: reasonOf(error), detail: String(error) });
  }
});
