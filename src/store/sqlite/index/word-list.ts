// A growing list of unsigned 32-bit words, which takes a quarter of the memory of an array.

export class WordList {
  count = 0;
  private words = new Uint32Array(1_024);

  push(word: number): void {
    if (this.count === this.words.length) {
      const longer = new Uint32Array(this.count * 2);
      longer.set(this.words);
      this.words = longer;
    }
    this.words[this.count++] = word;
  }

  get last(): number | undefined {
    return this.count === 0 ? undefined : this.words[this.count - 1];
  }

  /** A view, valid until the next push. */
  get all(): Uint32Array<ArrayBuffer> {
    return this.words.subarray(0, this.count);
  }
}
