// Reading JSON that somebody else sends: a value is of the expected type, or the whole is malformed.

import { type InstanceStatus, Status } from "./instance.ts";

/** The text is not what it should be; the message says where. */
export class MalformedJson extends Error {
  override readonly name = "MalformedJson";
}

/** An object's members, unchecked. */
export type Fields = Readonly<Record<string, unknown>>;

const integer = /^-?\d{1,19}$/;

/** Parses a text. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedJson("it is not JSON", { cause });
  }
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw new MalformedJson(`${what} is not an object`);
  return value;
}

export function stringOf(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== "string") throw new MalformedJson(`${key} is not text`);
  return value;
}

export function flagOf(fields: Fields, key: string): boolean {
  const value = fields[key];
  if (typeof value !== "boolean") throw new MalformedJson(`${key} is neither true nor false`);
  return value;
}

export function arrayOf(fields: Fields, key: string): readonly unknown[] {
  const value = fields[key];
  if (!Array.isArray(value)) throw new MalformedJson(`${key} is not a list`);
  return value;
}

export function stringsOf(fields: Fields, key: string): string[] {
  return arrayOf(fields, key).map((item) => {
    if (typeof item !== "string") throw new MalformedJson(`${key} holds what is not text`);
    return item;
  });
}

/** An object whose members are texts. */
export function textMapOf(fields: Fields, key: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, text] of Object.entries(fieldsOf(fields[key], key))) {
    if (typeof text !== "string") throw new MalformedJson(`${key} ${name} is not text`);
    map.set(name, text);
  }
  return map;
}

/** A number that counts something. */
export function wholeOf(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new MalformedJson(`${what} is not a whole number`);
  return value;
}

/** 64 bits as decimal text: what does not fit, no client could read. */
export function bigintOf(value: unknown, what: string): bigint {
  if (typeof value !== "string" || !integer.test(value)) throw new MalformedJson(`${what} is not a whole number`);
  const number = BigInt(value);
  if (number !== BigInt.asIntN(64, number)) throw new MalformedJson(`${what} is not a whole number of 64 bits`);
  return number;
}

export function statusOf(value: unknown): InstanceStatus {
  if (value === Status.Up || value === Status.Waiting) return value;
  throw new MalformedJson("status is neither UP nor WAITING");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
