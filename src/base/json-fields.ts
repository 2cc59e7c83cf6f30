// Reads JSON from another process: every value has the expected type, or the whole text is malformed. json-file.ts
// reads files of operators, refuses unknown keys and names the path of each mistake.

/** The text is malformed; the message says where, and what was expected. */
export class MalformedJson extends Error {
  override readonly name = "MalformedJson";
}

/** An object's members, unchecked. */
export type Fields = Readonly<Record<string, unknown>>;

const integer = /^-?\d{1,19}$/;

/** Parses a text. `what` names it in messages. */
export function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedJson(`${what}: expected JSON`, { cause });
  }
}

/** Returns what `read` returns; undefined if it finds the text malformed. */
export function ifWellFormed<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedJson) return undefined;
    throw error;
  }
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw new MalformedJson(`${what}: expected an object`);
  return value;
}

export function stringOf(fields: Fields, key: string): string {
  return textOf(fields[key], key);
}

export function flagOf(fields: Fields, key: string): boolean {
  const value = fields[key];
  if (typeof value !== "boolean") throw new MalformedJson(`${key}: expected true or false`);
  return value;
}

export function arrayOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedJson(`${what}: expected a list`);
  return value;
}

export function stringsOf(value: unknown, what: string): string[] {
  return arrayOf(value, what).map((item) => textOf(item, what));
}

/** Reads an object whose members are strings. */
export function textMapOf(value: unknown, what: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, text] of Object.entries(fieldsOf(value, what))) map.set(name, textOf(text, `${what}: ${name}`));
  return map;
}

/** Reads a whole number that is not negative. */
export function wholeOf(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new MalformedJson(`${what}: expected a whole number`);
  return value;
}

/** Reads a signed 64-bit number from decimal text. A larger number is malformed: no other client could read it. */
export function bigintOf(value: unknown, what: string): bigint {
  const number = typeof value === "string" && integer.test(value) ? BigInt(value) : undefined;
  if (number === undefined || number !== BigInt.asIntN(64, number))
    throw new MalformedJson(`${what}: expected a whole number of 64 bits`);
  return number;
}

function textOf(value: unknown, what: string): string {
  if (typeof value !== "string") throw new MalformedJson(`${what}: expected a string`);
  return value;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
