// Decodes bodies strictly. The generated decoder skips an unknown field without checking that it ends inside the
// message, and accepts any wire type for a known one; a truncated body, or one that is not protobuf, would be accepted.

import { type DescField, type DescMessage, fromBinary, type MessageShape, ScalarType } from "@bufbuild/protobuf";
import { next, readTag, skipField } from "./proto-reader.ts";

const wireVarint = 0;
const wire64 = 1;
const wireLength = 2;
const wire32 = 5;

/** An object for each unknown field would be kept, and nobody reads them: a body may have hundreds of thousands. */
const withoutUnknown = { readUnknownFields: false } as const;

/** The wire types of each message's fields, by number, as bits. */
const known = new WeakMap<DescMessage, ReadonlyMap<number, number>>();

/** Decodes a body; returns undefined unless the bytes are a valid message. */
export function decodeBody<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> | undefined {
  if (!isWellFormed(schema, bytes)) return undefined;
  try {
    return fromBinary(schema, bytes, withoutUnknown);
  } catch {
    // For any error of the decoder the result is the same.
    return undefined;
  }
}

/** Reports whether the bytes are complete fields, and known fields have valid wire types. */
function isWellFormed(schema: DescMessage, bytes: Uint8Array): boolean {
  const wireTypes = wireTypesOf(schema);
  for (let at = 0; at < bytes.length;) {
    const tag = readTag(bytes, at, bytes.length);
    if (next < 0) return false;
    const allowed = wireTypes.get(tag >>> 3);
    if (allowed !== undefined && (allowed & (1 << (tag & 7))) === 0) return false;
    at = skipField(bytes, next, bytes.length, tag & 7);
    if (at < 0) return false;
  }
  return true;
}

function wireTypesOf(schema: DescMessage): ReadonlyMap<number, number> {
  let wireTypes = known.get(schema);
  if (wireTypes === undefined) {
    wireTypes = new Map(schema.fields.map((field) => [field.number, wireTypesOfField(field)]));
    known.set(schema, wireTypes);
  }
  return wireTypes;
}

function wireTypesOfField(field: DescField): number {
  switch (field.fieldKind) {
    case "message":
    case "map":
      return 1 << wireLength;
    case "enum":
      return 1 << wireVarint;
    case "scalar":
      return 1 << wireTypeOf(field.scalar);
    case "list": {
      const element =
        field.listKind === "message" ? wireLength : field.listKind === "enum" ? wireVarint : wireTypeOf(field.scalar);
      // Numbers may be packed or not, whatever the schema prefers.
      return (1 << element) | (1 << wireLength);
    }
  }
}

function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wireLength;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return wire64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return wire32;
    default:
      return wireVarint;
  }
}
