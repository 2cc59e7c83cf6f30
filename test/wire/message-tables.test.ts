// The generator of the messages' tables, on schemas of this file; message-codec.test.ts tests what it writes of
// proto/pkt.proto.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { messageFiles } from "../../scripts/message-tables.ts";

const root = join(import.meta.dir, "../..");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-proto-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the generator writes of such messages. */
function filesOf(messages: string): ReadonlyMap<string, string> {
  writeFileSync(join(folder, "one.proto"), `syntax = "proto3";\npackage pkt;\n${messages}\n`);
  const built = Bun.spawnSync(
    [process.execPath, "--bun", "run", "buf", "build", folder, "--output", join(folder, "one.binpb")],
    { cwd: root },
  );
  expect(built.stderr.toString()).not.toContain("Failure");
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(join(folder, "one.binpb"))));
  const [file] = registry.files;
  if (file === undefined) throw new Error("buf built no file");
  return messageFiles(file);
}

test("writes a file for each message, nested ones too, with comments, labels and imports", () => {
  const files = filesOf(`
    // An order.
    message GroupOrder {
      enum Kind { Plain = 0; Gift = 1; }
      message Item { int64 item_id = 2; optional string note = 1; }
      repeated Item items = 1;
      // Of several
      // lines.
      Kind kind = 3;
      repeated Kind kinds = 2;
      Item first = 6;
    }`);
  expect([...files.keys()]).toEqual(["group-order.ts", "group-order-kind.ts", "group-order-item.ts"]);
  expect(files.get("group-order.ts"))
    .toBe(`// pkt.GroupOrder of proto/one.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32 } from "../../scalars.ts";
import type { GroupOrder_Kind } from "./group-order-kind.ts";
import { GroupOrder_Item } from "./group-order-item.ts";

/** An order. */
export interface GroupOrder {
  items: GroupOrder_Item[];
  /**
   * Of several
   * lines.
   */
  kind: GroupOrder_Kind;
  kinds: GroupOrder_Kind[];
  first?: GroupOrder_Item | undefined;
}

export const GroupOrder: MessageType<GroupOrder> = [
  ["items", GroupOrder_Item, "repeated"],
  ["kinds", int32, "repeated"],
  ["kind", int32],
  undefined,
  undefined,
  ["first", GroupOrder_Item],
];
`);
  expect(files.get("group-order-item.ts")).toContain(`  itemId: bigint;
  note?: string | undefined;
}

export const GroupOrder_Item: MessageType<GroupOrder_Item> = [
  ["note", string, "optional"],
  ["itemId", int64],
];
`);
});

const refused: readonly (readonly [what: string, messages: string, sentence: RegExp])[] = [
  ["a map", "message M { map<string, string> labels = 1; }", /M\.labels is a map: use a repeated message/],
  ["a oneof", "message M { oneof one { string a = 1; string b = 2; } }", /M\.a is in a oneof: use separate fields/],
  ["a type without a codec", "message M { double share = 1; }", /M\.share has a type without a codec: add it to/],
  ["numbers that are not packed", "message M { repeated int32 n = 1 [packed = false]; }", /M\.n is not packed: remove/],
  ["a message that contains itself", "message M { N n = 1; } message N { repeated M m = 1; }", /M contains itself/],
  [
    "a number that leaves many places empty",
    "message M { int32 n = 65; }",
    /M\.n has the number 65: expected one up to 64/,
  ],
  ["names that differ in case only", "message AbC { } message Ab_C { }", /ab-c\.ts is the file of another type/],
];
for (const [what, messages, sentence] of refused) {
  test(`refuses ${what} with a sentence`, () => {
    expect(() => filesOf(messages)).toThrow(sentence);
  });
}
