// The random numbers of numpy.random.default_rng(seed): the same seed draws the same text in the browser and in Python.
//
// O'Neill (2014), PCG64 with the output function XSL-RR, seeded as NumPy's SeedSequence does.

const MASK_32 = 0xffffffffn;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

const POOL_SIZE = 4;
const [INIT_A, MULT_A, INIT_B, MULT_B] = [0x43b0d7e5n, 0x931e8875n, 0x8b51f9ddn, 0x58f38dedn];
const [MIX_LEFT, MIX_RIGHT] = [0xca01f9ddn, 0x4973f715n];

/** Returns the 32-bit words of SeedSequence(seed).generate_state(count), for seeds below 2^128. */
function seedWords(seed: bigint, count: number): bigint[] {
  const entropy: bigint[] = [];
  for (let rest = seed; rest > 0n || entropy.length === 0; rest >>= 32n) entropy.push(rest & MASK_32);

  let constant = INIT_A;
  const hash = (value: bigint): bigint => {
    let result = value ^ constant;
    constant = (constant * MULT_A) & MASK_32;
    result = (result * constant) & MASK_32;
    return result ^ (result >> 16n);
  };
  const mix = (x: bigint, y: bigint): bigint => {
    const result = (MIX_LEFT * x - MIX_RIGHT * y) & MASK_32;
    return result ^ (result >> 16n);
  };
  const pool = Array.from({ length: POOL_SIZE }, (_, i) => hash(entropy[i] ?? 0n));
  for (let source = 0; source < POOL_SIZE; ++source) {
    for (let target = 0; target < POOL_SIZE; ++target) {
      if (source !== target) pool[target] = mix(pool[target]!, hash(pool[source]!));
    }
  }

  let state = INIT_B;
  return Array.from({ length: count }, (_, i) => {
    let word = pool[i % POOL_SIZE]! ^ state;
    state = (state * MULT_B) & MASK_32;
    word = (word * state) & MASK_32;
    return word ^ (word >> 16n);
  });
}

/** A generator of random numbers. */
export class Generator {
  private state = 0n;
  private readonly increment: bigint;

  /** seed: a whole number, 0 or more. */
  constructor(seed: number) {
    const words = seedWords(BigInt(seed), 8);
    const [high, low, first, second] = [0, 2, 4, 6].map((i) => words[i]! | (words[i + 1]! << 32n));
    this.increment = ((((first! << 64n) | second!) << 1n) | 1n) & MASK_128;
    this.advance();
    this.state = (this.state + ((high! << 64n) | low!)) & MASK_128;
    this.advance();
  }

  private advance(): void {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK_128;
  }

  /** A number from 0 to 1, 1 excluded, with 53 random bits: NumPy's random(). */
  random(): number {
    this.advance();
    const folded = (this.state >> 64n) ^ (this.state & MASK_64);
    const rotation = this.state >> 122n;
    const bits = ((folded >> rotation) | (folded << (64n - rotation))) & MASK_64;
    return Number(bits >> 11n) / 2 ** 53;
  }

  /** A number of the normal distribution with mean 0 and standard deviation 1 (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
    return radius * Math.cos(2 * Math.PI * this.random());
  }
}
