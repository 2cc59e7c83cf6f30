// Encodes and decodes the messages of gen/messages/ by their tables, for the client library and for packets as values.
// Works in browsers; a test compares it with @bufbuild/protobuf, which the server uses for bodies. Decoding is as
// strict as body.ts, also inside nested messages: a known field of another wire type, a group, a value beyond its
// message, a varint above ten bytes and invalid UTF-8 are refused.

import { closeNested, openNested, putVarint, startOutput, takeOutput } from "./message-output.ts";
import type { Field, MessageInit, MessageType, Scalar } from "./message-type.ts";
import { next, readTag, readVarint, skipField } from "./proto-reader.ts";

const wireLength = 2;

type Values = Record<string, unknown>;

/**
 * Encodes a message; the caller owns the bytes. Fields that are absent have their zero values.
 * @throws RangeError for a number that its field cannot hold
 */
export function encodeMessage<Message>(
  type: MessageType<Message>,
  message: MessageInit<NoInfer<Message>>,
): Uint8Array<ArrayBuffer>;
export function encodeMessage(type: MessageType<unknown>, message: Readonly<Values>): Uint8Array<ArrayBuffer> {
  startOutput();
  writeFields(type, message);
  return takeOutput();
}

function writeFields(type: MessageType<unknown>, values: Readonly<Values>): void {
  let number = 0;
  for (const field of type) {
    number++;
    const value = field && values[field[0]];
    if (field === undefined || value === undefined || value === null) continue;
    if (Array.isArray(value)) writeItems(number, field, value);
    else if (field[2] === "optional" || !isZero(value)) writeField(number, field, value);
  }
}

function isZero(value: unknown): boolean {
  return value === 0 || value === "" || value === false || value === 0n || (isBytes(value) && value.length === 0);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function writeItems(number: number, field: Field, items: readonly unknown[]): void {
  const [name, kind] = field;
  if (!("write" in kind) || kind.wireType === wireLength) {
    for (const item of items) writeField(number, field, item);
  } else if (items.length > 0) {
    putVarint((number << 3) | wireLength);
    const start = openNested();
    for (const item of items) kind.write(item, name);
    closeNested(start);
  }
}

function writeField(number: number, [name, kind]: Field, value: unknown): void {
  if ("write" in kind) {
    putVarint((number << 3) | kind.wireType);
    kind.write(value, name);
  } else {
    putVarint((number << 3) | wireLength);
    const start = openNested();
    writeFields(kind, valuesOf(value));
    closeNested(start);
  }
}

function valuesOf(value: unknown): Readonly<Values> {
  return isValues(value) ? value : {};
}

/** Decodes a message; returns undefined unless the bytes are a valid one. Unknown fields are dropped. */
export function decodeMessage<Message>(type: MessageType<Message>, bytes: Uint8Array): Message | undefined {
  const values = emptyOf(type);
  return readFields(type, values, bytes, 0, bytes.length) ? values : undefined;
}

/** Returns a message whose fields all have their zero values. */
function emptyOf(type: MessageType<unknown>): Values {
  const values: Values = {};
  for (const field of type) {
    if (field === undefined) continue;
    const [name, kind, label] = field;
    if (label === "repeated") values[name] = [];
    else if (label === undefined && "write" in kind) values[name] = kind.zero;
  }
  return values;
}

/** Reads bytes[at, end) into `values`; reports whether they are a message of the type, which `values` then holds. */
function readFields<Message>(
  type: MessageType<Message>,
  values: Values,
  bytes: Uint8Array,
  at: number,
  end: number,
): values is Values & Message {
  while (at < end) {
    const tag = readTag(bytes, at, end);
    if (next < 0) return false;
    const field = type[(tag >>> 3) - 1];
    at =
      field === undefined ? skipField(bytes, next, end, tag & 7) : readField(field, values, bytes, next, end, tag & 7);
    if (at < 0) return false;
  }
  return true;
}

/** Reads the value of a known field at bytes[at]; returns the offset behind it, or -1 if it is malformed. */
function readField(
  [name, kind]: Field,
  values: Values,
  bytes: Uint8Array,
  at: number,
  end: number,
  wireType: number,
): number {
  const before = values[name];
  const items: unknown[] | undefined = Array.isArray(before) ? before : undefined;
  if ("read" in kind && wireType === kind.wireType) {
    const value = kind.read(bytes, at, end);
    if (items === undefined) values[name] = value;
    else items.push(value);
    return next;
  }
  if (wireType !== wireLength) return -1;
  const contentBytes = readVarint(bytes, at, end);
  if (next < 0 || contentBytes > end - next) return -1;
  const contentEnd = next + contentBytes;
  if ("read" in kind) return items === undefined ? -1 : readPacked(kind, items, bytes, next, contentEnd);
  // A singular message that comes in several parts is the sum of them.
  const nested = items === undefined && isValues(before) ? before : emptyOf(kind);
  if (!readFields(kind, nested, bytes, next, contentEnd)) return -1;
  if (items === undefined) values[name] = nested;
  else items.push(nested);
  return contentEnd;
}

function readPacked(kind: Scalar, items: unknown[], bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    items.push(kind.read(bytes, at, end));
    if (next < 0) return -1;
    at = next;
  }
  return end;
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null;
}
