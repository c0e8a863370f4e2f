// A curve of a value over many updates. It has at most 400 points, each of which is the mean of the same number of values.

const MAX_POINTS = 400;

export class MeanCurve {
  /** The means of `every` values in a row. */
  readonly points: number[] = [];
  every = 1;
  private sum = 0;
  private count = 0;

  add(value: number): void {
    this.sum += value;
    this.count += 1;
    if (this.count < this.every) return;
    this.points.push(this.sum / this.count);
    [this.sum, this.count] = [0, 0];
    if (this.points.length === MAX_POINTS) this.merge();
  }

  /** Makes one point of two. */
  private merge(): void {
    const { points } = this;
    for (let i = 0; i < MAX_POINTS / 2; ++i) points[i] = (points[2 * i]! + points[2 * i + 1]!) / 2;
    points.length = MAX_POINTS / 2;
    this.every *= 2;
  }
}
