import { expect, test } from "bun:test";
import { Command, serviceOf } from "../../src/wire/commands.ts";
import { Interner } from "../../src/wire/interner.ts";
import { Random, testSeed } from "../support/random.ts";

const intern = (interner: Interner, text: string): string => {
  const bytes = Buffer.from(`<${text}>`);
  const result = interner.intern(bytes, 1, bytes.length - 1);
  bytes.fill(0);
  return result;
};

test("gives the string that the bytes encode, again and again", () => {
  const interner = new Interner();
  for (const text of [
    ...Object.values(Command),
    "",
    "a",
    "é",
    "小明",
    "x".repeat(63),
    "x".repeat(64),
    "x".repeat(5000),
  ]) {
    expect(intern(interner, text)).toBe(text);
    expect(intern(interner, text)).toBe(text);
  }
});

test("an absent field is the empty string", () => {
  expect(new Interner().intern(Buffer.from("abc"), -1, -1)).toBe("");
});

test("stays right when a peer floods it, and still knows the commands", () => {
  const random = new Random(testSeed("interner"));
  const interner = new Interner(64);
  for (let round = 0; round < 20_000; round++) {
    const text = `flood.${random.u32().toString(36)}`;
    expect(intern(interner, text)).toBe(text);
  }
  for (const command of Object.values(Command)) expect(intern(interner, command)).toBe(command);
  expect(JSON.stringify(interner).split("flood.").length - 1).toBeLessThanOrEqual(64);
});

test("the service of a command is the part before its first dot", () => {
  expect(serviceOf("chat.user.talk")).toBe("chat");
  expect(serviceOf("login.signin")).toBe("login");
  expect(serviceOf("a.")).toBe("a");
  for (const command of ["", ".", ".talk", "chat"]) expect(serviceOf(command)).toBeUndefined();
});
