// What JSON.parse would pass over in a request: two values for one field, of which the first would be ignored; numbers
// that it rounds, such as an id above 2^53; nesting that exhausts the stack of whoever walks it; objects of so many
// fields that reading them takes long.

import { invalid } from "./codes.ts";

/** No request nests as deep; an object in a list in an object is 3. */
const depthMax = 16;
const quote = 0x22;
const backslash = 0x5c;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Returns the value of a JSON text. Throws InvalidArgument for what is no JSON in UTF-8, names a field of an object
 * twice or more than `fieldsMax` of them, nests deeper than `depthMax`, or has an integer that a double does not hold.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    throw invalid("the body is not UTF-8");
  }
  guard(text);
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("the body is not JSON");
  }
}

/** One pass over the text; what is not JSON at all is left to the parser. */
function guard(text: string): void {
  /** The fields of each object around the present place; undefined for a list. */
  const fields: (string[] | Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length;) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      const end = endOfString(text, at);
      if (isName(text, end)) addName(fields, nameIn(text, at, end));
      at = end;
      continue;
    }
    if (unit === 0x7b || unit === 0x5b) {
      if (fields.length >= depthMax) throw invalid(`the body nests deeper than ${depthMax} levels`);
      fields.push(unit === 0x7b ? [] : undefined);
    } else if (unit === 0x7d || unit === 0x5d) fields.pop();
    else if (unit === 0x2d || (unit >= 0x30 && unit <= 0x39)) {
      at = checkedNumber(text, at);
      continue;
    }
    at++;
  }
}

/** Returns the offset behind a string that begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before--;
  return (at - before) % 2 === 0;
}

/** Reports whether a colon follows. */
function isName(text: string, at: number): boolean {
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === 0x3a;
}

/** A field's name as the reader of messages takes it: `reply_to` is `replyTo`. */
function nameIn(text: string, at: number, end: number): string {
  let name = text.slice(at + 1, end - 1);
  if (name.includes("\\")) {
    try {
      name = String(JSON.parse(text.slice(at, end)));
    } catch {
      throw invalid("the body is not JSON");
    }
  }
  return name.includes("_") ? name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) : name;
}

/** Beyond so many fields they are looked up in a set. */
const listedMax = 16;
/** No message has as many. */
const fieldsMax = 256;

function addName(fields: (string[] | Set<string> | undefined)[], name: string): void {
  const names = fields.at(-1);
  if (names === undefined) return;
  if (names instanceof Set ? names.has(name) : names.includes(name))
    throw invalid(`the body names ${JSON.stringify(name.slice(0, 64))} twice`);
  if (names instanceof Set) {
    if (names.size >= fieldsMax) throw invalid(`an object of the body has more than ${fieldsMax} fields`);
    names.add(name);
  } else if (names.push(name) > listedMax) fields[fields.length - 1] = new Set(names);
}

/** Returns the offset behind a number. */
function checkedNumber(text: string, at: number): number {
  let end = at + 1;
  let isInteger = true;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit === 0x2e || unit === 0x65 || unit === 0x45) isInteger = false;
    else if (!((unit >= 0x30 && unit <= 0x39) || unit === 0x2b || unit === 0x2d)) break;
  }
  if (isInteger && end - at > 15 && !Number.isSafeInteger(Number(text.slice(at, end))))
    throw invalid(
      `the number ${text.slice(at, Math.min(end, at + 32))} is beyond 2^53, where numbers of JSON are rounded: ` +
        "write ids as strings",
    );
  return end;
}
