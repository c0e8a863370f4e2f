// Repeats updates without blocking the page: some in each frame, until a goal is reached or the reader stops it.

const FRAME = 14; // milliseconds of a frame, at most

export class TrainingLoop {
  private frame: number | null = null;
  private due = 0;
  private before = 0;

  /** update: makes an update; returns how many there have been. progressed: after the updates of a frame. */
  constructor(
    private readonly update: () => number,
    private readonly progressed: (isFinished: boolean) => void,
  ) {}

  get isRunning(): boolean {
    return this.frame !== null;
  }

  /** Updates until there have been `goal`, `speed()` of them in a second. */
  start(goal: number, speed: () => number): void {
    [this.due, this.before] = [1, performance.now()];
    const run = () => {
      const now = performance.now();
      this.due = Math.min(this.due + ((now - this.before) / 1000) * speed(), Number.MAX_VALUE);
      this.before = now;
      let isFinished = false;
      while (this.due >= 1 && !isFinished && performance.now() - now < FRAME) {
        isFinished = this.update() >= goal;
        this.due -= 1;
      }
      this.frame = isFinished ? null : requestAnimationFrame(run);
      this.progressed(isFinished);
    };
    this.frame = requestAnimationFrame(run);
  }

  stop(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
  }
}
