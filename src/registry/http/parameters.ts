// The parameters of a request, as the original reads them: a query string, and for POST a form, whose values come
// first. Absent and empty are the same; a repeated key makes a list.

import { FormFields } from "./form-fields.ts";

/** A parameter is missing or cannot be read: code -400 with this sentence. */
export class BadParameter extends Error {
  override readonly name = "BadParameter";
}

const int64Max = 2n ** 63n - 1n;
const truths: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);

export class Parameters {
  private readonly query: FormFields;
  private readonly form: URLSearchParams;

  constructor(query: string, form: string) {
    this.query = new FormFields(query);
    // Instances are made of its values, and must not hold the whole of it.
    this.form = new URLSearchParams(form);
  }

  /** The first value; '' when there is none. */
  text(name: string): string {
    return this.form.get(name) ?? this.query.first(name) ?? "";
  }

  /** The first value, which must be there. */
  required(name: string): string {
    const value = this.text(name);
    if (value === "") throw new BadParameter(`${name} is required`);
    return value;
  }

  /** All values but the empty ones. */
  list(name: string): string[] {
    return [...this.form.getAll(name), ...this.query.all(name)].filter((value) => value !== "");
  }

  /** The same, each of them split at commas: some clients send one value for all. */
  commaList(name: string): string[] {
    return this.list(name)
      .flatMap((value) => value.split(","))
      .filter((value) => value !== "");
  }

  /** A whole number of 64 bits; 0 when there is none. */
  int64(name: string): bigint {
    return parseInt64(name, this.text(name));
  }

  /** A list of such numbers. */
  int64List(name: string): bigint[] {
    return this.list(name).map((value) => parseInt64(name, value));
  }

  /** A number of 32 bits that is not negative; 0 when there is none. */
  uint32(name: string): number {
    return parseUint32(name, this.text(name));
  }

  /** A list of such numbers. */
  uint32List(name: string): number[] {
    return this.list(name).map((value) => parseUint32(name, value));
  }

  /** True for the words that Go's ParseBool takes for true. */
  flag(name: string): boolean {
    return truths.has(this.text(name));
  }
}

function parseInt64(name: string, text: string): bigint {
  if (text === "") return 0n;
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new BadParameter(`${name} is not a whole number of 64 bits`);
  const value = BigInt(text.replace(/^\+/, ""));
  if (value > int64Max || value < -int64Max - 1n) throw new BadParameter(`${name} is not a whole number of 64 bits`);
  return value;
}

function parseUint32(name: string, text: string): number {
  if (text === "") return 0;
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value > 0xffff_ffff) throw new BadParameter(`${name} is not a number of 32 bits`);
  return value;
}
