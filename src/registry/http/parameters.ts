// A request's parameters as the original reads them: of a query string and, for POST, of a form, whose values come
// first. Absent and empty are the same; a repeated key makes a list.

import { FormFields } from "./form-fields.ts";

/** A parameter is missing or malformed: code -400 with this sentence. */
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
    // Decoded, so that values in instances do not retain the whole form.
    this.form = new URLSearchParams(form);
  }

  /** Returns the first value, or ''. */
  text(name: string): string {
    return this.form.get(name) ?? this.query.first(name) ?? "";
  }

  /** Returns the first value, which must not be empty. */
  required(name: string): string {
    const value = this.text(name);
    if (value === "") throw new BadParameter(`${name} is required`);
    return value;
  }

  /** Returns all non-empty values. */
  list(name: string): string[] {
    return [...this.form.getAll(name), ...this.query.all(name)].filter((value) => value !== "");
  }

  /** Returns all values, split at commas: some clients send one value for all. */
  commaList(name: string): string[] {
    return this.list(name)
      .flatMap((value) => value.split(","))
      .filter((value) => value !== "");
  }

  /** Returns a signed 64-bit number; 0 if absent. */
  int64(name: string): bigint {
    return parseInt64(name, this.text(name));
  }

  int64List(name: string): bigint[] {
    return this.list(name).map((value) => parseInt64(name, value));
  }

  /** Returns an unsigned 32-bit number; 0 if absent. */
  uint32(name: string): number {
    return parseUint32(name, this.text(name));
  }

  uint32List(name: string): number[] {
    return this.list(name).map((value) => parseUint32(name, value));
  }

  /** Reports whether Go's ParseBool takes the value for true. */
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
