// The vocabulary of a character model, as elman.text.vocabulary: `<unk>`, then characters by descending frequency.

export const UNKNOWN = "<unk>";

/** In the vocabularies of an encoder-decoder, the start and the end of a sequence follow `<unk>`. */
export const [START, END] = ["<s>", "</s>"];
export const [UNKNOWN_ID, START_ID, END_ID] = [0, 1, 2];

export class Vocabulary {
  private readonly idOf: Map<string, number>;

  constructor(readonly tokens: readonly string[]) {
    this.idOf = new Map(tokens.map((token, id) => [token, id]));
  }

  /** The characters of a text; those of equal frequency by first appearance. */
  static fromText(text: string): Vocabulary {
    const counts = new Map<string, number>();
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    const sorted = [...counts.entries()].sort((a, b) => b[1] - a[1]).map(([character]) => character);
    return new Vocabulary([UNKNOWN, ...sorted]);
  }

  get size(): number {
    return this.tokens.length;
  }

  encode(text: string): Int32Array {
    return Int32Array.from(Array.from(text), (character) => this.idOf.get(character) ?? 0);
  }

  /** The characters of a text that are not in the vocabulary. */
  unknown(text: string): string[] {
    return [...new Set(text)].filter((character) => !this.idOf.has(character));
  }

  /** The ids of a prompt; an empty one is a line end, a space, or else the most frequent character. */
  encodePrompt(prompt: string): Int32Array {
    if (prompt !== "") return this.encode(prompt);
    const start = ["\n", " "].find((character) => this.idOf.has(character)) ?? this.tokens[1]!;
    return this.encode(start);
  }
}
