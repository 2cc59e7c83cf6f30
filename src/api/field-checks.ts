// The bounds of requests that proto/api.proto states as options of fields: what is required, how many items a list has,
// how long a text is, how large a number. Read once from the descriptor of a message.

import { type DescField, type DescMessage, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { items, max, required } from "../wire/gen/api_pb.ts";
import { invalid } from "./codes.ts";

type Check = (value: unknown) => void;

/** Checks one message. Throws InvalidArgument, with a sentence that names the field. */
export type MessageCheck = (message: object) => void;

/** Returns the check of the messages of a schema, those inside of it included. */
export function checkOf(schema: DescMessage): MessageCheck {
  const checks = schema.fields.flatMap((field) => {
    const ofField = checksOf(field);
    return ofField.length === 0 ? [] : [{ name: field.localName, checks: ofField }];
  });
  return (message) => {
    for (const { name, checks: ofField } of checks) {
      const value: unknown = Reflect.get(message, name);
      for (const check of ofField) check(value);
    }
  };
}

function checksOf(field: DescField): Check[] {
  const checks: Check[] = [];
  const { jsonName: name } = field;
  if (hasOption(field, required) && getOption(field, required))
    checks.push((value) => {
      if (value === undefined || value === "" || value === 0n || value === 0 || (Array.isArray(value) && !value.length))
        throw invalid(`${name} is required`);
    });
  const itemsMax = getOption(field, items);
  if (itemsMax > 0)
    checks.push((value) => {
      if (Array.isArray(value) && value.length > itemsMax) throw invalid(`${name} has at most ${itemsMax} items`);
    });
  const most = getOption(field, max);
  if (most > 0n) checks.push(field.fieldKind === "scalar" ? boundOf(name, field.scalar, most) : () => undefined);
  if (field.fieldKind === "list" && field.listKind === "message") {
    const each = checkOf(field.message);
    checks.push((value) => {
      if (Array.isArray(value)) for (const item of value) if (isObject(item)) each(item);
    });
  }
  return checks;
}

function boundOf(name: string, scalar: ScalarType, most: bigint): Check {
  if (scalar === ScalarType.STRING) {
    const charactersMax = Number(most);
    return (value) => {
      if (typeof value === "string" && isLonger(value, charactersMax))
        throw invalid(`${name} has at most ${charactersMax} characters`);
    };
  }
  return (value) => {
    if ((typeof value === "number" || typeof value === "bigint") && (value < 0 || value > most))
      throw invalid(`${name} must be 0 to ${most}`);
  };
}

/** In code points, of which one has at most two units. */
function isLonger(text: string, charactersMax: number): boolean {
  if (text.length <= charactersMax) return false;
  return text.length > 2 * charactersMax || Array.from(text).length > charactersMax;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
