// Computes what tests/web asks for, with the kernels in this JavaScript engine. A request and its answer are JSON.

import { ArrayList, count, type Floats, Kernels } from "../kernels/module.ts";
import { parameterShapes } from "../kernels/stack.ts";
import { Adam, linear, linearGradients, scaleAndClip, softmaxCrossEntropy, updateBySgd } from "../kernels/training.ts";
import { descend, type Descent } from "../model/descent.ts";
import { gradientByLag } from "../model/gradient_by_lag.ts";
import type { LagNetwork } from "../model/lag_network.ts";
import { traceNetwork } from "../model/network_trace.ts";
import { languageModelFolder } from "../model/language_model_folder.ts";
import { Generator } from "../model/random.ts";
import { generate } from "../model/sampling.ts";
import { type Leaf, type NetworkSizes, SmallNetwork } from "../model/small_network.ts";
import { stateFromBytes, stateToBytes } from "../model/stream_state.ts";
import { splitText, Trainer, type TrainingOptions } from "../model/training.ts";
import { Vocabulary } from "../model/vocabulary.ts";
import { derivation } from "../panels/unrolled_network/derivations.ts";
import { evaluate } from "../panels/unrolled_network/expressions.ts";
import { isDerivative, key, NetworkNumbers } from "../panels/unrolled_network/numbers.ts";
import { decode, encode } from "../traces/encoding.ts";
import { traceToJson } from "../traces/trace.ts";
import { drawMersenneTwister, trainAdder } from "./adder.ts";
import { runAttention, runEncoderDecoder, runTanh, trainReversal } from "./attention_answers.ts";
import { trainTextMapper } from "./text_mapper.ts";
import { type Arrays, encodeAll, named, type Request, Workspace } from "./workspace.ts";

export type { Request };

/** Loads a file of the built folder. */
export type Loader = (file: string) => Promise<ArrayBuffer>;

const loaded = new Map<string, Promise<Kernels>>();

export async function answer(request: Request, load: Loader): Promise<Record<string, unknown>> {
  if (!loaded.has(request.module)) {
    loaded.set(
      request.module,
      load(request.module).then((bytes) => Kernels.load(bytes, request.precision)),
    );
  }
  const kernels = await loaded.get(request.module)!;
  return COMPUTATIONS[request.kind as keyof typeof COMPUTATIONS](new Workspace(kernels, request));
}

const COMPUTATIONS = {
  stack: runStack,
  steps: runSteps,
  streamState: moveState,
  readout: runReadout,
  linear: runLinear,
  updates: runUpdates,
  clip: runClip,
  random: drawRandom,
  vocabulary: readVocabulary,
  training: runTraining,
  network: traceSmallNetwork,
  gradientByLag: computeGradientByLag,
  adder: trainAdder,
  textMapper: trainTextMapper,
  mersenneTwister: drawMersenneTwister,
  trainingTime: timeTraining,
  stepTime: timeSteps,
  attention: runAttention,
  tanh: runTanh,
  encoderDecoder: runEncoderDecoder,
  reversal: trainReversal,
};

/** A forward and a backward pass. */
function runStack(work: Workspace): Arrays {
  const { kernels, request } = work;
  const timeFirst = request.timeFirst ?? false;
  const [T, B] = timeFirst ? [work.size("x", 0), work.size("x", 1)] : [work.size("x", 1), work.size("x", 0)];
  const stack = work.stack();
  const inputs = request.shape.tableRows ? work.integers("x") : work.floats("x");
  const outputs = kernels.floats(T * B * stack.outputSize);
  const final = stack.state(B);
  const lengths = work.has("lengths") ? work.integers("lengths") : null;
  const reset = work.has("reset") ? kernels.bytes(decode(request.arrays["reset"]!)) : null;
  const initial = work.state("initial", stack, B);
  stack.forward({ T, B, timeFirst, inputs, outputs, initial, final, lengths, reset, keepTape: true });
  const gradients = work.parameters().map((array) => array && kernels.floats(array.length));
  const dInputs = request.shape.tableRows ? null : kernels.floats(inputs.length);
  const dInitial = stack.state(B);
  stack.backward({
    dOutputs: work.floats("d_outputs"),
    dFinal: work.state("d_final", stack, B),
    dInputs,
    dInitial,
    gradients: new ArrayList(kernels, gradients),
  });
  return encodeAll({
    outputs,
    d_x: dInputs,
    ...named("final", final.arrays),
    ...named("d_initial", dInitial.arrays),
    ...named("gradient", gradients),
  });
}

/** The bytes of a state that was read from bytes, and its arrays; or what is wrong with the bytes. */
function moveState(work: Workspace): Record<string, unknown> {
  const fingerprint = decode(work.request.arrays["fingerprint"]!) as Uint8Array;
  const state = work.stack().state(work.request.values as number);
  try {
    stateFromBytes(decode(work.request.arrays["content"]!) as Uint8Array, fingerprint, state);
  } catch (error) {
    return { problem: (error as Error).message };
  }
  return { content: encode(stateToBytes(state, fingerprint)), ...encodeAll(named("state", state.arrays)) };
}

/** One step after another: x (B, T, I). */
function runSteps(work: Workspace): Arrays {
  const { kernels, request } = work;
  const [B, T] = [work.size("x", 0), work.size("x", 1)];
  const stack = work.stack();
  const state = work.state("initial", stack, B)!;
  const x = decode(request.arrays["x"]!) as Floats;
  const I = request.shape.inputSize!;
  const input = kernels.floats(B * I);
  const output = kernels.floats(B * stack.outputSize);
  const outputs = kernels.floats(B * T * stack.outputSize);
  for (let t = 0; t < T; ++t) {
    for (let b = 0; b < B; ++b) input.view.set(x.subarray((b * T + t) * I, (b * T + t + 1) * I), b * I);
    stack.step(input, output, state, state);
    for (let b = 0; b < B; ++b) {
      const row = output.view.subarray(b * stack.outputSize, (b + 1) * stack.outputSize);
      outputs.view.set(row, (b * T + t) * stack.outputSize);
    }
  }
  return encodeAll({ outputs, ...named("final", state.arrays) });
}

function runReadout(work: Workspace): Record<string, unknown> {
  const { kernels } = work;
  const [x, V] = [work.floats("x"), work.floats("V")];
  const b = work.has("b") ? work.floats("b") : null;
  const targets = work.integers("targets");
  const losses = kernels.doubles(targets.length);
  const [dX, dV, dB] = [kernels.floats(x.length), kernels.floats(V.length), b && kernels.floats(b.length)];
  softmaxCrossEntropy(kernels, { x, V, b, targets, losses, dX, dV, dB });
  return { ...encodeAll({ d_x: dX, d_V: dV, d_b: dB }), losses: encode(losses.view) };
}

function runLinear(work: Workspace): Arrays {
  const { kernels } = work;
  const [x, W, b, dY] = [work.floats("x"), work.floats("W"), work.floats("b"), work.floats("d_y")];
  const N = work.size("x", 0);
  const y = kernels.floats(dY.length);
  linear(kernels, x, W, b, y, N);
  const [dX, dW, dB] = [kernels.floats(x.length), kernels.floats(W.length), kernels.floats(b.length)];
  linearGradients(kernels, dY, x, W, N, { dX, dW, dB });
  return encodeAll({ y, d_x: dX, d_W: dW, d_b: dB });
}

/** Updates of the same parameters by SGD and by Adam: gradients (updates, count). */
function runUpdates(work: Workspace): Arrays {
  const { kernels } = work;
  const [byAdam, bySgd] = [work.floats("parameters"), work.floats("parameters")];
  const adam = new Adam(kernels, byAdam);
  const gradients = work.floats("gradients");
  for (let k = 0; k < work.size("gradients", 0); ++k) {
    const gradient = gradients.slice(k * byAdam.length, byAdam.length);
    adam.update(gradient, 0.01);
    updateBySgd(kernels, bySgd, gradient, 0.01);
  }
  return encodeAll({ adam: byAdam, sgd: bySgd });
}

function runClip(work: Workspace): Record<string, unknown> {
  const gradient = work.floats("gradient");
  const norm = scaleAndClip(work.kernels, gradient, 0.5, 1);
  return { ...encodeAll({ gradient }), norm };
}

/** Random numbers of some seeds. */
function drawRandom(work: Workspace): Record<string, unknown> {
  const { seeds, count: draws } = work.request.values as { seeds: number[]; count: number };
  const numbers = seeds.map((seed) => {
    const rng = new Generator(seed);
    return Array.from({ length: draws }, () => rng.random());
  });
  return { numbers };
}

function readVocabulary(work: Workspace): Record<string, unknown> {
  const { text, prompt } = work.request.values as { text: string; prompt: string };
  const vocabulary = Vocabulary.fromText(text);
  return {
    tokens: vocabulary.tokens,
    prompt: [...vocabulary.encodePrompt(prompt)],
    unknown: vocabulary.unknown(prompt),
  };
}

/** Trains a character model for some updates, generates a text, and returns the files of its model folder. */
function runTraining(work: Workspace): Record<string, unknown> {
  const values = work.request.values as { text: string; updates: number; options: TrainingOptions };
  const { training, validation } = splitText(values.text);
  const vocabulary = Vocabulary.fromText(training);
  const sets = [vocabulary.encode(training), vocabulary.encode(validation)] as const;
  const trainer = new Trainer(work.kernels, ...sets, vocabulary.size, values.options);
  const { model } = trainer;
  const initial = model.parameters.map((p) => [`initial ${p.name}`, encode(p.values.view.slice())]);
  const steps = Array.from({ length: values.updates }, (_, i) => trainer.step(i / values.updates));
  const final = model.parameters.map((p) => [`final ${p.name}`, encode(p.values.view.slice())]);
  const files = Object.entries(languageModelFolder(model, vocabulary, "# Card\n")).map(([name, bytes]) => [
    name,
    encode(bytes),
  ]);
  const write = (temperature: number) =>
    [...generate(model, vocabulary, "the ", { maxTokens: 200, temperature, seed: 3 })].join("");
  const result = {
    ...Object.fromEntries([...initial, ...final]),
    losses: steps.map((step) => step.loss),
    norms: steps.map((step) => step.norm),
    validation: trainer.validate(),
    batch: trainer.batch,
    files: Object.fromEntries(files),
    generated: write(0.8),
    greedy: write(0),
  };
  trainer.release();
  return result;
}

/** The trace of a small network; and for every number its value, that of its equation, and the finite difference. */
function traceSmallNetwork(work: Workspace): Record<string, unknown> {
  const sizes = work.request.values as NetworkSizes;
  const values = Object.entries(work.request.arrays).map(([name, array]) => [name as Leaf, decode(array)] as const);
  const network = new SmallNetwork(work.kernels, sizes, Object.fromEntries(values));
  const trace = traceNetwork(network);
  network.release();
  const numbers = new NetworkNumbers(trace);
  const computed = numbers.order.map((number) => ({
    key: key(number),
    value: numbers.value(number),
    equation: evaluate(derivation(numbers, number)!, (operand) => numbers.value(operand)),
    difference: isDerivative(number) ? numbers.finiteDifference(number) : null,
  }));
  const memory = work.kernels.exports.memory.buffer.byteLength;
  return { trace: JSON.parse(traceToJson(trace)) as unknown, numbers: computed, memory };
}

function computeGradientByLag(work: Workspace): Record<string, unknown> {
  const { network, descent } = work.request.values as { network: LagNetwork; descent: Descent };
  const arrays = Object.fromEntries(Object.entries(work.request.arrays).map(([name, array]) => [name, decode(array)]));
  const whole = { ...network, ...arrays };
  const result = { ...gradientByLag(work.kernels, whole), ...descend(work.kernels, whole, descent) };
  return { ...result, memory: work.kernels.exports.memory.buffer.byteLength };
}

/** Times packing, forward and backward passes of (T, B, I): returns seconds a pass, and the number of passes. */
function timeTraining(work: Workspace): Record<string, unknown> {
  const { kernels, request } = work;
  const [T, B] = [work.size("x", 0), work.size("x", 1)];
  const stack = work.stack();
  const inputs = work.floats("x");
  const outputs = kernels.floats(T * B * stack.outputSize);
  const dOutputs = work.floats("d_outputs");
  const dInputs = kernels.floats(inputs.length);
  const [initial, final, dInitial] = [stack.state(B), stack.state(B), stack.state(B)];
  const arrays = parameterShapes(request.shape).map(({ shape }) => kernels.floats(count(shape)));
  const gradients = new ArrayList(kernels, arrays);
  const result = time(request.seconds!, () => {
    stack.pack();
    stack.forward({ T, B, timeFirst: true, inputs, outputs, initial, final, keepTape: true });
    stack.backward({ dOutputs, dInputs, dInitial, gradients });
  });
  for (const array of [inputs, outputs, dOutputs, dInputs, ...arrays]) array.release();
  for (const object of [initial, final, dInitial, gradients, stack]) object.release();
  return result;
}

/** Times single steps of (B, I). */
function timeSteps(work: Workspace): Record<string, unknown> {
  const { kernels, request } = work;
  const B = work.size("x", 0);
  const stack = work.stack();
  const inputs = work.floats("x");
  const outputs = kernels.floats(B * stack.outputSize);
  const state = stack.state(B);
  const result = time(request.seconds!, () => stack.step(inputs, outputs, state, state));
  for (const object of [inputs, outputs, state, stack]) object.release();
  return result;
}

function time(seconds: number, work: () => void): { seconds: number; passes: number } {
  work();
  const start = performance.now();
  let [passes, elapsed, batch] = [0, 0, 1];
  while (elapsed < seconds * 1000) {
    for (let i = 0; i < batch; ++i) work();
    passes += batch;
    elapsed = performance.now() - start;
    if (elapsed < seconds * 100) batch *= 2; // a clock of a browser has steps of 0.1 ms
  }
  return { seconds: elapsed / 1000 / passes, passes };
}
