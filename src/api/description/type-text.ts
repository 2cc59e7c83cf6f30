// Types of fields in words, for people.

import { type DescField, ScalarType } from "@bufbuild/protobuf";
import { boundsOf } from "./methods.ts";

const scalarTexts: Readonly<Record<ScalarType, string>> = {
  [ScalarType.DOUBLE]: "number",
  [ScalarType.FLOAT]: "number",
  [ScalarType.INT32]: "int32",
  [ScalarType.SINT32]: "int32",
  [ScalarType.SFIXED32]: "int32",
  [ScalarType.UINT32]: "uint32",
  [ScalarType.FIXED32]: "uint32",
  [ScalarType.INT64]: "int64",
  [ScalarType.SINT64]: "int64",
  [ScalarType.SFIXED64]: "int64",
  [ScalarType.UINT64]: "uint64",
  [ScalarType.FIXED64]: "uint64",
  [ScalarType.BOOL]: "bool",
  [ScalarType.STRING]: "string",
  [ScalarType.BYTES]: "base64",
};

/** A field's type and bounds: `list of string, at most 1,000`, `member, admin or owner`. */
export function typeTextOf(field: DescField): string {
  const { itemsMax, max } = boundsOf(field);
  const item = itemTextOf(field);
  const bound =
    max === undefined ? "" : ` up to ${counted(max)}${field.scalar === ScalarType.STRING ? " characters" : ""}`;
  if (field.fieldKind === "map") return `map of ${item}`;
  if (field.fieldKind !== "list") return `${item}${bound}`;
  return `list of ${item}${bound}${itemsMax === undefined ? "" : `, at most ${counted(itemsMax)}`}`;
}

/** The type of a field, or of an item of a list. */
export function itemTextOf(field: DescField): string {
  if (field.message !== undefined) return field.message.name;
  if (field.enum !== undefined) return field.enum.values.map(({ name }) => name).join(" | ");
  return field.scalar === undefined ? "value" : scalarTexts[field.scalar];
}

function counted(value: number): string {
  return value.toLocaleString("en-US");
}
