// Repeats updates without blocking the page: some in each frame, until a goal is reached or the reader stops it.

const FRAME = 14; // milliseconds of a frame, at most

export class TrainingLoop {
  private frame: number | null = null;
  /** The number of updates that have to be made now; infinite at an infinite speed. */
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
      this.due = updatesDue(this.due, (now - this.before) / 1000, speed());
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

/** The updates that are due after `seconds` more, at most those of one second: after a pause
 * of a hidden tab or a higher speed, nothing is caught up. */
function updatesDue(due: number, seconds: number, speed: number): number {
  if (speed === Infinity) return Infinity;
  return Math.min(due + seconds * speed, Math.max(1, speed));
}
