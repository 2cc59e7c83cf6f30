// The tables of src/wire/gen/messages/, by the descriptors of the same messages, and random values for them.

import { join } from "node:path";
import { type DescField, type DescMessage, type MessageShape, ScalarType } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { Glob } from "bun";
import fc from "fast-check";
import type { MessageType } from "../../src/wire/message-type.ts";
import { file_pkt } from "../../src/wire/gen/pkt_pb.ts";

/** A message as the codec has it: a plain object. */
export type Plain = Readonly<Record<string, unknown>>;

export interface TabledMessage {
  readonly name: string;
  readonly schema: DescMessage;
  readonly type: MessageType<Plain>;
}

const folder = join(import.meta.dir, "../../src/wire/gen/messages");

/** Every message of proto/pkt.proto. Throws if one has no table, or a table no message. */
export async function tabledMessages(): Promise<readonly TabledMessage[]> {
  const tables = new Map<string, MessageType<Plain>>();
  for (const file of new Glob("*.ts").scanSync(folder)) {
    const exported: Readonly<Record<string, unknown>> = await import(join(folder, file));
    for (const [name, value] of Object.entries(exported)) if (isTable(value)) tables.set(name, value);
  }
  const messages: TabledMessage[] = [];
  for (const schema of nestedTypes(file_pkt)) {
    if (schema.kind !== "message") continue;
    const name = schema.typeName.slice("pkt.".length).replaceAll(".", "_");
    const type = tables.get(name);
    if (!tables.delete(name) || type === undefined) throw new Error(`${name} has no table: run scripts/generate`);
    messages.push({ name, schema, type });
  }
  if (tables.size > 0) throw new Error(`there is no message for the tables ${[...tables.keys()].join(", ")}`);
  return messages;
}

function isTable(value: unknown): value is MessageType<Plain> {
  return Array.isArray(value);
}

/** The fields of a decoded message of @bufbuild/protobuf, without its own. */
export function plainOf(message: MessageShape<DescMessage>): Plain {
  const fields = Object.entries(message).filter(([name]) => name !== "$typeName" && name !== "$unknown");
  return Object.fromEntries(fields.map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainValue);
  return isMessage(value) ? plainOf(value) : value;
}

function isMessage(value: unknown): value is MessageShape<DescMessage> {
  return typeof value === "object" && value !== null && "$typeName" in value;
}

/** Random values of a message, from which any fields may be missing. */
export function initOf(schema: DescMessage): fc.Arbitrary<Plain> {
  const fields = schema.fields.map((field) => [field.localName, valueOf(field)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function valueOf(field: DescField): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case "message":
      return initOf(field.message);
    case "enum":
      return int32;
    case "scalar":
      return scalarOf(field.scalar);
    case "list":
      return fc.array(
        field.listKind === "message"
          ? initOf(field.message)
          : field.listKind === "enum"
            ? int32
            : scalarOf(field.scalar),
        { maxLength: 5 },
      );
    case "map":
      throw new Error(`${String(field)} is a map`);
  }
}

const int32 = fc.oneof(fc.integer(), fc.integer({ min: -200, max: 200 }), fc.constantFrom(0, 2 ** 31 - 1, -(2 ** 31)));
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(2 ** 31, 2 ** 32 - 1));
const [int64Min, int64Max] = [-(2n ** 63n), 2n ** 63n - 1n];
const int64 = fc.oneof(
  fc.bigInt({ min: int64Min, max: int64Max }),
  fc.bigInt({ min: -300n, max: 300n }),
  // Powers of two and their neighbours: where a varint gets another byte.
  fc.tuple(fc.nat(62), fc.constantFrom(-1n, 0n, 1n), fc.constantFrom(1n, -1n)).map(([power, more, sign]) => {
    return sign * 2n ** BigInt(power) + more;
  }),
  fc.constantFrom(0n, int64Min, int64Max),
);
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  // Lone surrogates, too.
  fc.array(fc.nat(0xffff), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom("", "\ufeffmarked", "\ud800", "x".repeat(48), "x".repeat(127), "x".repeat(128), "é".repeat(20_000)),
);

function scalarOf(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.INT32:
      return int32;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return uint32;
    case ScalarType.INT64:
      return int64;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 200 });
    default:
      throw new Error(`no random values of ${ScalarType[scalar]}`);
  }
}
