import { describe, expect, test } from "bun:test";
import { messageLine, printable } from "../../src/cli/chat/format.ts";
import { type Input, parseInput } from "../../src/cli/chat/input.ts";

describe("a typed line", () => {
  const cases: [string, Input][] = [
    ["hello there", { kind: "message", text: "hello there" }],
    ["  ", { kind: "nothing" }],
    ["//etc/hosts", { kind: "message", text: "/etc/hosts" }],
    ["/help", { kind: "help" }],
    ["/who", { kind: "who" }],
    ["/quit", { kind: "quit" }],
    ["/to bob", { kind: "to", name: "bob" }],
    ["/group create team bob carol", { kind: "create", name: "team", members: ["bob", "carol"] }],
    ["/group create team", { kind: "create", name: "team", members: [] }],
    ["/group join g1", { kind: "join", name: "g1" }],
    ["/group quit g1", { kind: "quitGroup", name: "g1" }],
    ["/group use g1", { kind: "use", name: "g1" }],
  ];
  for (const [line, input] of cases) {
    test(`"${line}" is ${input.kind}`, () => expect(parseInput(line)).toEqual(input));
  }

  test("that is a command which does not exist, or lacks a word, is never sent as a message", () => {
    for (const line of ["/to", "/group", "/group create", "/group join", "/group drop g1", "/leave"]) {
      expect(parseInput(line).kind).toBe("wrong");
    }
  });
});

describe("what others wrote", () => {
  test("reaches the terminal without control characters: it moves no cursor and forges no line", () => {
    const controls = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join("");
    expect(printable(controls + "\u202e\u2066")).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    expect(printable("\u001b]0;title\u0007 \u001b[2J")).not.toContain("\u001b");
    expect(printable("a\r\nb")).not.toMatch(/[\r\n]/);
  });

  test("stays as it is where it is text", () => {
    expect(printable("grüße, 你好 👋🏽")).toBe("grüße, 你好 👋🏽");
  });

  test("is one line with its sender, whatever names and bodies hold", () => {
    const line = messageLine({ sender: "bob\u001b[31m", group: "g\n1", body: "one\ntwo", sendTime: 0n });
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(line).toContain("bob");
  });
});
