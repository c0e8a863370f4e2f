// The generator MT19937 (Matsumoto and Nishimura, 1998): the random numbers of numpy.random.RandomState(seed), which
// numpy.random.seed(seed) starts, too, and of torch.manual_seed(seed).

const [SIZE, SHIFT] = [624, 397];
const [UPPER, LOWER] = [0x80000000, 0x7fffffff];
const MATRIX = 0x9908b0df;

export class MersenneTwister {
  private readonly state = new Uint32Array(SIZE);
  private next = SIZE;

  /** seed: a whole number from 0 to 2^32 - 1. */
  constructor(seed: number) {
    this.state[0] = seed;
    for (let i = 1; i < SIZE; ++i) {
      const previous = this.state[i - 1]!;
      this.state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.next === SIZE) this.advance();
    let y = this.state[this.next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A number from 0 to 1, 1 excluded, with 53 random bits: NumPy's random_sample(). */
  random(): number {
    const [high, low] = [this.uint32() >>> 5, this.uint32() >>> 6];
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A whole number from 0 to `limit` - 1: NumPy's randint(limit), for limits up to 2^32. */
  integer(limit: number): number {
    const largest = limit - 1;
    if (largest === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(largest);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= largest) return value;
    }
  }

  /** A single-precision number of the uniform distribution: what tensor.uniform_(low, high) of PyTorch draws. */
  uniform32(low: number, high: number): number {
    const share = (this.uint32() & 0xffffff) / 2 ** 24;
    const [from, to] = [Math.fround(low), Math.fround(high)];
    return Math.fround(share * Math.fround(to - from) + from);
  }

  private advance(): void {
    const { state } = this;
    for (let i = 0; i < SIZE; ++i) {
      const y = (state[i]! & UPPER) | (state[(i + 1) % SIZE]! & LOWER);
      state[i] = state[(i + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? MATRIX : 0);
    }
    this.next = 0;
  }
}
