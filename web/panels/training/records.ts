// The records of a training: the lines of metrics.jsonl in a run folder (docs/en/formats.md).

/** Names and values of metrics. Null stands for NaN and infinity, for which JSON has no number. */
export type Metrics = Readonly<Record<string, number | null>>;

export interface MetricRecord {
  readonly step: number;
  /** Of some updates: the mean loss, the mean norm of the gradient before clipping, the last learning rate. */
  readonly tokens?: number;
  readonly loss?: number | null;
  readonly gradient_norm?: number | null;
  readonly learning_rate?: number | null;
  /** Of a validation: the metrics of the updates before it and of the validation set, and a text with predictions. */
  readonly train?: Metrics;
  readonly valid?: Metrics;
  readonly sample?: string;
  /** Training diverged, and returned to this step. */
  readonly rolled_back?: string;
}

export interface DamagedLine {
  /** The first line has the number 1. */
  readonly number: number;
  readonly text: string;
}

/** Reads metrics.jsonl while it grows. A damaged line is no record. */
export class RecordReader {
  readonly records: MetricRecord[] = [];
  readonly damaged: DamagedLine[] = [];
  private rest = "";
  private lines = 0;

  /** Adds the next characters of the file. The last line waits until the end of the line comes. */
  add(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop()!;
    for (const line of lines) {
      this.lines += 1;
      const record = parseRecord(line);
      if (record === null) this.damaged.push({ number: this.lines, text: line });
      else this.records.push(record);
    }
  }
}

/** The record in a line; null if the line is not the JSON of one. */
export function parseRecord(line: string): MetricRecord | null {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

const isNumber = (value: unknown) => typeof value === "number";
const isNumberOrNull = (value: unknown) => value === null || isNumber(value);
const isText = (value: unknown) => typeof value === "string";
const isStep = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isMetrics = (value: unknown) => isObject(value) && Object.values(value).every(isNumberOrNull);

const FIELDS: Record<keyof MetricRecord, (value: unknown) => boolean> = {
  step: isStep,
  tokens: isNumber,
  loss: isNumberOrNull,
  gradient_norm: isNumberOrNull,
  learning_rate: isNumberOrNull,
  train: isMetrics,
  valid: isMetrics,
  sample: isText,
  rolled_back: isText,
};

/** Whether a value has a step, and every other field that it has is of its type. Other fields are allowed. */
function isRecord(value: unknown): value is MetricRecord {
  if (!isObject(value) || !("step" in value)) return false;
  return Object.entries(FIELDS).every(([name, isValid]) => !(name in value) || isValid(value[name]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
