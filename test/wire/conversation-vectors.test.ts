// Golden vectors of the bodies of conversations: Google's encoder made them (scripts/conversation-vectors.py). The
// generated code encodes the same values to the same bytes, and decodes the bytes to the values.

import { describe, expect, test } from "bun:test";
import { fromBinary, fromJson, toBinary, toJson, type DescMessage, type JsonValue } from "@bufbuild/protobuf";
import vectors from "../../proto/vectors/conversations.json";
import { file_pkt } from "../../src/wire/gen/pkt_pb.ts";

interface Vector {
  readonly name: string;
  readonly json: JsonValue;
  readonly hex: string;
}

const messages = new Map<string, readonly Vector[]>(Object.entries(vectors.messages));

function schemaOf(name: string): DescMessage {
  const schema = file_pkt.messages.find((message) => message.name === name);
  if (schema === undefined) throw new Error(`no message ${name}`);
  return schema;
}

describe("golden bodies", () => {
  for (const [name, all] of messages) {
    const schema = schemaOf(name);
    test(`${name} encodes to the golden bytes, and decodes to their values`, () => {
      for (const vector of all) {
        const bytes = Buffer.from(vector.hex, "hex");
        const encoded = toBinary(schema, fromJson(schema, vector.json));
        expect([vector.name, Buffer.from(encoded).toString("hex")]).toEqual([vector.name, vector.hex]);
        expect([vector.name, toJson(schema, fromBinary(schema, bytes))]).toEqual([vector.name, vector.json]);
      }
    });

    test(`${name} has a vector with every field`, () => {
      const set = new Set(all.flatMap(({ json }) => Object.keys(Object(json))));
      expect(schema.fields.map(({ jsonName }) => jsonName).filter((field) => !set.has(field))).toEqual([]);
    });
  }
});

test("every message has golden bytes, but those of which conversations changed nothing", () => {
  const names = [...messages.keys(), ...vectors.before].toSorted();
  expect(file_pkt.messages.map((message) => message.name).toSorted()).toEqual(names);
});
