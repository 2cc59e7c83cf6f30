import { expect, test } from "bun:test";
import { EnvNames, NameIndex } from "../../src/registry/name-index.ts";

test("a name is there until it is removed as often as it was added", () => {
  const index = new NameIndex();
  index.add("Chat");
  index.add("Chat");
  index.add("CHAT");
  index.remove("Chat");
  expect([...index.spellings("chat")].toSorted()).toEqual(["CHAT", "Chat"]);
  index.remove("Chat");
  expect([...index.spellings("chat")]).toEqual(["CHAT"]);
  index.remove("CHAT");
  index.remove("CHAT");
  expect(index.isBranch("chat")).toBe(false);
});

test("a suffix lives as long as any name below it", () => {
  const index = new NameIndex();
  index.add("a.example.com");
  index.add("b.Example.com");
  expect([index.isBranch("example.COM"), index.isBranch("com"), index.isBranch("ample.com")]).toEqual([
    true,
    true,
    false,
  ]);
  index.remove("a.example.com");
  expect(index.isBranch("example.com")).toBe(true);
  index.remove("b.Example.com");
  expect([index.isBranch("example.com"), index.isBranch("com")]).toEqual([false, false]);
});

test("an env without instances has no names", () => {
  const names = new EnvNames();
  const identity = { env: "prod", appid: "chat", zone: "z1", hostname: "h1" };
  names.add(identity);
  expect([names.isEmpty, names.of("zone").isBranch("z1")]).toEqual([false, true]);
  names.remove(identity);
  expect([names.isEmpty, names.of("zone").isBranch("z1")]).toEqual([true, false]);
});

test("of a name of very many labels the last sixteen branches are known, and none is left when it goes", () => {
  const index = new NameIndex();
  const name = Array.from({ length: 100 }, (_, at) => `l${at}`).join(".");
  index.add(name);
  const branch = (labels: number): string => name.split(".").slice(-labels).join(".");
  expect([index.isBranch(name), index.isBranch(branch(16)), index.isBranch(branch(17))]).toEqual([true, true, false]);
  index.remove(name);
  for (let labels = 1; labels <= 100; labels++) expect(index.isBranch(branch(labels))).toBe(false);
});
