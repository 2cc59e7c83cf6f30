// Checks a request of `roost api` against the description of its method before it is sent: a misspelt field, or a
// number that JSON rounds, is told with its place.

import { type DescField, type DescMessage, fromJson, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { boundsOf } from "../../api/description/methods.ts";
import { itemTextOf } from "../../api/description/type-text.ts";
import { parseJson } from "../../api/json-guard.ts";
import { didYouMean } from "../../base/did-you-mean.ts";
import { escaped, quotedText } from "../../base/printable.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { UsageError } from "../usage-error.ts";

/** What of a wrong value is shown. */
const shownCharactersMax = 64;
/** Kinds of numbers that JSON numbers cannot hold: they are texts of digits. */
const longNumbers: ReadonlySet<ScalarType | undefined> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** Parses JSON and checks it. Throws UsageError, with the place of the first fault. */
export function checkedRequest(desc: DescMessage, text: string): JsonValue {
  const value = parsed(text);
  checkMessage(desc, value, "");
  refuseAmbiguous(text);
  try {
    fromJson(desc, value);
  } catch (error) {
    throw new UsageError(`the request is no ${desc.name}: ${reasonOf(error)}`);
  }
  return value;
}

function parsed(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch (error) {
    throw new UsageError(
      `the request is not JSON: ${reasonOf(error)}; expected an object such as '{"to":"bob","body":"hi"}'`,
    );
  }
}

/** Refuses what the server would, and what is lost when the request is written again: a field that is named twice. */
function refuseAmbiguous(text: string): void {
  try {
    parseJson(Buffer.from(text));
  } catch (error) {
    if (error instanceof ConnectError) throw new UsageError(error.rawMessage.replace("the body", "the request"));
    throw error;
  }
}

function checkMessage(desc: DescMessage, value: JsonValue, place: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new UsageError(`${place === "" ? "the request" : place}: expected an object with fields of ${desc.name}`);
  const seen = new Set<DescField>();
  for (const [name, item] of Object.entries(value)) {
    const field = desc.fields.find((each) => each.jsonName === name || each.name === name);
    if (field === undefined) throw unknownField(desc, name, place);
    // ProtoJSON: null is the default value.
    if (item === null) continue;
    if (!isEmpty(item)) seen.add(field);
    checkField(field, item, place === "" ? name : `${place}.${name}`);
  }
  const missing = desc.fields.find((field) => boundsOf(field).isRequired && !seen.has(field));
  if (missing !== undefined)
    throw new UsageError(`${place === "" ? "" : `${place}.`}${missing.jsonName} is missing: ${desc.name} needs it`);
}

function unknownField(desc: DescMessage, name: string, place: string): UsageError {
  const known = desc.fields.map(({ jsonName }) => jsonName);
  const where = place === "" ? "" : `${place}: `;
  return new UsageError(
    `${where}${quotedText(name)} is no field of ${desc.name}${didYouMean(name, known)}; expected ` +
      (known.length === 0 ? "no fields" : `one of ${known.join(", ")}`),
  );
}

function isEmpty(value: JsonValue): boolean {
  return value === "" || value === 0 || value === "0" || (Array.isArray(value) && value.length === 0);
}

function checkField(field: DescField, value: JsonValue, place: string): void {
  const { itemsMax } = boundsOf(field);
  switch (field.fieldKind) {
    case "list":
      if (!Array.isArray(value)) throw new UsageError(`${place}: expected a list`);
      if (itemsMax !== undefined && value.length > itemsMax)
        throw new UsageError(`${place}: at most ${itemsMax} items, not ${value.length}`);
      for (const [at, item] of value.entries()) checkItem(field, item, `${place}[${at}]`);
      return;
    case "map":
      return;
    default:
      checkItem(field, value, place);
  }
}

function checkItem(field: DescField, value: JsonValue, place: string): void {
  if (field.message !== undefined) {
    checkMessage(field.message, value, place);
    return;
  }
  if (longNumbers.has(field.scalar) && typeof value === "number" && !Number.isSafeInteger(value))
    throw new UsageError(`${place}: JSON rounds this number; put it in quotes, such as "7012345678901234567"`);
  if (!decodes(field, value)) throw new UsageError(`${place}: expected ${itemTextOf(field)}, not ${shownOf(value)}`);
  const { max } = boundsOf(field);
  if (max === undefined) return;
  if (field.scalar === ScalarType.STRING && typeof value === "string" && Array.from(value).length > max)
    throw new UsageError(`${place}: at most ${max} characters, not ${Array.from(value).length}`);
  if (field.scalar !== ScalarType.STRING && Number(value) > max)
    throw new UsageError(`${place}: at most ${max}, not ${Number(value)}`);
}

/** Whether a value can be one of a field's. */
function decodes(field: DescField, value: JsonValue): boolean {
  try {
    fromJson(field.parent, { [field.jsonName]: field.fieldKind === "list" ? [value] : value });
    return true;
  } catch {
    return false;
  }
}

function shownOf(value: JsonValue): string {
  return escaped(JSON.stringify(value).slice(0, shownCharactersMax));
}
