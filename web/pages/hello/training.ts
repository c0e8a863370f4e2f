// The training of the page: the network, and its output before and after each epoch.

import type { Kernels } from "../../kernels/module.ts";
import { type Epoch, leastLoss, type Output, TextMapper } from "../../model/text_mapper.ts";
import type { Task } from "./settings.ts";

export class Training {
  readonly mapper: TextMapper;
  /** After 0, 1, 2, ... epochs. */
  readonly epochs: Epoch[];
  private readonly targets: number[];

  constructor(
    kernels: Kernels,
    readonly task: Task,
  ) {
    const { source, target, characters, settings } = task;
    this.targets = this.idsOf(target);
    this.mapper = new TextMapper(kernels, characters.length, this.idsOf(source), this.targets, settings);
    this.epochs = [this.mapper.evaluate()];
  }

  /** The number of epochs of the training so far. */
  get count(): number {
    return this.epochs.length - 1;
  }

  train(): void {
    this.mapper.update();
    this.epochs.push(this.mapper.evaluate());
  }

  /** What the network outputs for another text of its characters. */
  read(text: readonly string[]): Output {
    return this.mapper.read(this.idsOf(text));
  }

  characterOf(id: number): string {
    return this.task.characters[id]!;
  }

  /** The probability of the target at each step. */
  targetProbabilities({ probabilities }: Epoch): number[] {
    const { characters } = this.task;
    return this.targets.map((id, t) => probabilities[t * characters.length + id]!);
  }

  targetIds(): readonly number[] {
    return this.targets;
  }

  /** The least loss that the network can reach; null if there is no bound above 0. */
  get leastLoss(): number | null {
    const { target, characters, settings } = this.task;
    return settings.hasLinear ? null : leastLoss(target.length, characters.length);
  }

  /** A character of the input that has several targets, and these; null if there is none. */
  get ambiguous(): { character: string; targets: string[] } | null {
    const { source, target } = this.task;
    for (const character of new Set(source)) {
      const targets = [...new Set(target.filter((_, t) => source[t] === character))];
      if (targets.length > 1) return { character, targets };
    }
    return null;
  }

  private idsOf(text: readonly string[]): number[] {
    return text.map((character) => this.task.characters.indexOf(character));
  }
}
