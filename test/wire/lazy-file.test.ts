// The lazy descriptor of proto/pkt.proto against that which @bufbuild/protobuf reads from the same bytes.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type AnyDesc, type DescEnum, type DescFile, type DescMessage, getOption } from "@bufbuild/protobuf";
import { fileDesc as packageFileDesc } from "@bufbuild/protobuf/codegenv2";
import { nestedTypes, qualifiedName } from "@bufbuild/protobuf/reflect";
import { required } from "../../src/wire/gen/api_pb.ts";
import { file_pkt } from "../../src/wire/gen/pkt_pb.ts";
import { fileDesc } from "../../src/wire/lazy-file.ts";

const generated = readFileSync(join(import.meta.dir, "../../src/wire/gen/pkt_pb.ts"), "utf8");
const [, base64 = ""] = /fileDesc\("([^"]+)"\)/.exec(generated) ?? [];
const theirs = packageFileDesc(base64);

const compared = [
  ...["kind", "name", "typeName", "parent", "file", "deprecated", "nestedEnums", "nestedMessages", "nestedExtensions"],
  ...["oneofs", "members", "fields", "field", "open", "sharedPrefix", "values", "value", "number", "localName"],
  ...["jsonName", "fieldKind", "listKind", "mapKind", "mapKey", "scalar", "message", "enum", "presence"],
  ...["utf8Validation", "delimitedEncoding", "packed", "longAsString", "oneof", "edition", "dependencies", "enums"],
  ...["messages", "extensions", "services"],
];

/** The properties of a descriptor, with the names of other descriptors. */
function flat(desc: AnyDesc): Record<string, unknown> {
  const read = (name: string): unknown => Reflect.get(desc, name);
  const getDefault = read("getDefaultValue");
  return {
    ...Object.fromEntries(compared.map((name) => [name, shown(read(name))])),
    default: typeof getDefault === "function" ? ["returns", getDefault()] : getDefault,
    text: desc.toString(),
  };
}

function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  // A message may have a field of that name.
  if ("kind" in value && typeof value.kind === "string")
    return [value.kind, Reflect.get(value, "typeName"), Reflect.get(value, "name")];
  return Object.entries(value).map(([name, desc]) => [name, shown(desc)]);
}

function partsOf(type: DescMessage | DescEnum): readonly AnyDesc[] {
  return type.kind === "message" ? type.fields : type.values;
}

function typesOf(file: DescFile): (DescMessage | DescEnum)[] {
  return [...nestedTypes(file)].filter((type) => type.kind === "message" || type.kind === "enum");
}

test("every message, field, enum and value is described as the package describes it", () => {
  const file = fileDesc(base64);
  expect(flat(file)).toEqual(flat(theirs));
  expect(typesOf(file).length).toBe(typesOf(theirs).length);
  expect(typesOf(file).length).toBeGreaterThan(100);
  for (const [at, type] of typesOf(file).entries()) {
    const other = typesOf(theirs)[at] ?? theirs.messages[0];
    if (other === undefined) throw new Error("the package reads a message");
    expect(flat(type)).toEqual(flat(other));
    expect(partsOf(type).map(flat)).toEqual(partsOf(other).map(flat));
  }
});

test("the package has no property of a descriptor that is not compared", () => {
  const known = new Set([...compared, "proto", "toString", "getDefaultValue"]);
  const met = [theirs, ...typesOf(theirs), ...typesOf(theirs).flatMap(partsOf)].flatMap((desc) => Object.keys(desc));
  expect([...new Set(met)].filter((name) => !known.has(name))).toEqual([]);
});

test("of proto there is what the package reads: names, and no options", () => {
  const [message] = file_pkt.messages;
  const [field] = message?.fields ?? [];
  if (message === undefined || field === undefined) throw new Error("the file has a message with a field");
  expect(qualifiedName(file_pkt)).toBe("pkt.proto");
  expect(file_pkt.enums.flatMap(({ values }) => values.map(qualifiedName))).toEqual(
    theirs.enums.flatMap(({ values }) => values.map(qualifiedName)),
  );
  expect(getOption(field, required)).toBe(false);
});

test("a type is the same object wherever it is asked for", () => {
  const file = fileDesc(base64);
  const fields = file.messages.flatMap(({ fields: all }) => all);
  for (const { message, enum: named } of fields) {
    if (message !== undefined) expect(file.messages).toContain(message);
    if (named !== undefined) expect(file.enums).toContain(named);
  }
  for (const message of file.messages) {
    expect(message.members).toEqual(message.fields);
    for (const field of message.fields) {
      expect(message.fields).toContain(field);
      expect(field.parent).toBe(message);
    }
  }
});
