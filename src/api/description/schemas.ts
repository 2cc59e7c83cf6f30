// JSON Schema (draft 2020-12, as OpenAPI 3.1 has it) of the messages of the HTTP API in ProtoJSON
// (https://protobuf.dev/programming-guides/json/).

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { boundsOf, commentOf, commentOfField } from "./methods.ts";

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

const int32 = { type: "integer", minimum: -(2 ** 31), maximum: 2 ** 31 - 1, format: "int32" };
const uint32 = { type: "integer", minimum: 0, maximum: 2 ** 32 - 1 };
const int64 = { type: "string", pattern: "^-?[0-9]{1,19}$", format: "int64" };
const uint64 = { type: "string", pattern: "^[0-9]{1,20}$", format: "uint64" };
/** JSON has no such numbers. */
const float = { anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] };

const scalarSchemas: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.DOUBLE]: float,
  [ScalarType.FLOAT]: float,
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
};

/** Where a message's schema stands in the document. */
export function referenceTo(message: DescMessage): Schema {
  return { $ref: `#/components/schemas/${message.name}` };
}

/** The schema of a message. Messages in it are references. */
export function schemaOf(message: DescMessage): Schema {
  const required = message.fields.filter((field) => boundsOf(field).isRequired).map(({ jsonName }) => jsonName);
  return {
    type: "object",
    ...described(commentOf(message.typeName)),
    properties: Object.fromEntries(message.fields.map((field) => [field.jsonName, schemaOfField(field)])),
    ...(required.length === 0 ? {} : { required }),
  };
}

function schemaOfField(field: DescField): Schema {
  const { itemsMax, isRequired } = boundsOf(field);
  const description = described(commentOfField(field));
  switch (field.fieldKind) {
    case "list":
      return {
        type: "array",
        ...description,
        items: itemSchema(field, true),
        ...(itemsMax === undefined ? {} : { maxItems: itemsMax }),
        ...(isRequired ? { minItems: 1 } : {}),
      };
    case "map":
      return { type: "object", ...description, additionalProperties: itemSchema(field, false) };
    default:
      return { ...itemSchema(field, isRequired), ...description };
  }
}

/** The schema of a value; `isRequired`: the empty text is refused. */
function itemSchema(field: DescField, isRequired: boolean): Schema {
  if (field.message !== undefined) return referenceTo(field.message);
  if (field.enum !== undefined) return { type: "string", enum: field.enum.values.map(({ name }) => name) };
  const { scalar } = field;
  if (scalar === undefined) return {};
  const { max } = boundsOf(field);
  const schema = scalarSchemas[scalar];
  if (scalar === ScalarType.STRING)
    return {
      ...schema,
      ...(isRequired && field.fieldKind !== "list" ? { minLength: 1 } : {}),
      ...(max === undefined ? {} : { maxLength: max }),
    };
  return max === undefined || schema["type"] !== "integer" ? schema : { ...schema, minimum: 0, maximum: max };
}

function described(description: string): Schema {
  return description === "" ? {} : { description };
}
