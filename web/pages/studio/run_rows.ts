// The content of a row of the list: of a run, a model folder, or a training whose run does not exist yet.

import { shortNumber } from "../../panels/numbers.ts";
import { fill } from "../shared/language.ts";
import type { RunEntry, StudioList, TrainingEntry } from "./connection.ts";
import type { Texts } from "./texts.ts";

export type Action = "stop" | "resume" | "more" | null;

export interface Row {
  name: string;
  task: string;
  state: string;
  isFailed: boolean;
  /** The share of the budget that is used, while it trains. */
  progress: number | null;
  updates: string;
  time: string;
  best: string;
  /** What the process of a training has printed, if it failed. */
  messages: string;
  action: Action;
  hasCurves: boolean;
  hasModel: boolean;
  /** A classifier or tagger with a validation set. */
  hasConfusion: boolean;
}

const LABELLING = ["classify", "tag"];
const EMPTY = { isFailed: false, progress: null, updates: "", time: "", best: "", messages: "", action: null };

export function rowsOf(list: StudioList, texts: Texts): Row[] {
  const trainings = new Map(list.trainings.map((training) => [training.name, training]));
  const runs = list.runs.map((run) => runRow(run, trainings.get(run.name), texts));
  const known = new Set(list.runs.map(({ name }) => name));
  const others = list.trainings.filter(({ name }) => !known.has(name)).map((training) => newRow(training, texts));
  const models = list.models.map(({ name, task, problem }): Row => {
    const state = problem ? texts["state.damaged"] : texts["state.model"];
    const row = { ...EMPTY, name, task: taskText(task, texts), state, isFailed: problem !== "", messages: problem };
    return { ...row, hasCurves: false, hasModel: problem === "", hasConfusion: false };
  });
  return [...others, ...runs, ...models];
}

export function taskText(task: string | null, texts: Texts): string {
  return texts[`task.${task}` as keyof Texts] ?? task ?? texts.noTask;
}

function runRow(run: RunEntry, training: TrainingEntry | undefined, texts: Texts): Row {
  const isActive = run.state === "preparing" || run.state === "training";
  const isOwn = training !== undefined && training.exit_code === null;
  const hasFailed = !isActive && training !== undefined && isFailure(training) && run.changed <= training.ended!;
  const state = hasFailed ? "failed" : isOwn && training.is_stopping ? "stopping" : run.state;
  return {
    name: run.name,
    task: taskText(run.task, texts),
    state: texts[`state.${state}`],
    isFailed: hasFailed || run.state === "damaged",
    progress: isActive ? run.progress : null,
    updates: run.step.toLocaleString("en"),
    time: timeText(run.seconds, texts),
    best: bestText(run, texts),
    messages: hasFailed ? training.messages : run.problem,
    action: actionOf(run, isActive || isOwn, isOwn && !training.is_stopping),
    hasCurves: true,
    hasModel: run.has_model,
    hasConfusion: run.has_model && LABELLING.includes(run.task ?? ""),
  };
}

/** Only what the studio has started can be stopped here. */
function actionOf(run: RunEntry, isAtWork: boolean, canStop: boolean): Action {
  if (isAtWork) return canStop ? "stop" : null;
  if (run.state === "damaged") return null;
  return run.state === "finished" ? "more" : "resume";
}

/** A training that has no run folder yet, or has never got one. */
function newRow(training: TrainingEntry, texts: Texts): Row {
  const isFailed = isFailure(training);
  const state = isFailed ? "failed" : training.exit_code === null ? "starting" : "stopped";
  return {
    ...EMPTY,
    name: training.name,
    task: texts.noTask,
    state: texts[`state.${state}`],
    isFailed,
    messages: isFailed ? training.messages : "",
    action: training.exit_code === null && !training.is_stopping ? "stop" : null,
    hasCurves: false,
    hasModel: false,
    hasConfusion: false,
  };
}

const STOPPED = [0, 130, 143]; // finished, or stopped by a signal

/** A training that is stopped before its first step ends by the signal, with a negative code. */
function isFailure({ exit_code: code, is_stopping }: TrainingEntry): boolean {
  return code !== null && !STOPPED.includes(code) && !(is_stopping && code < 0);
}

function timeText(seconds: number, texts: Texts): string {
  const whole = Math.round(seconds);
  if (whole < 60) return fill(texts.seconds, { seconds: whole });
  return fill(texts.minutesAndSeconds, { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}

function bestText(run: RunEntry, texts: Texts): string {
  if (run.best_step === null || run.best.length === 0) return "";
  const metrics = run.best.map(({ name, value }) => fill(texts.metric, { name, value: shortNumber(value) }));
  return fill(texts.bestAt, { metrics: metrics.join(texts.separator), step: run.best_step });
}
