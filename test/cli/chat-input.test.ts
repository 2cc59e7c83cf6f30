import { describe, expect, test } from "bun:test";
import { messageLine } from "../../src/cli/chat/format.ts";
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

describe("a message", () => {
  const shown = (message: { sender?: string; group?: string; body?: string }): string =>
    messageLine({ sender: "alice", group: "", body: "hello", sendTime: 0n, ...message }).slice("12:34 ".length);

  test("is one line with its sender, whatever names and bodies hold", () => {
    const line = shown({ sender: "bob\u001b[31m", group: "g\n1", body: "one\ntwo" });
    expect(line).toBe('["g\\n1"] "bob\\u001b[31m": one ⏎ two');
  });

  test("begins with its time, and a name that could be a mark, a group or a sentence stands in quotes", () => {
    expect(shown({})).toBe("alice: hello");
    expect(shown({ sender: "[g] carol" })).toBe('"[g] carol": hello');
    expect(shown({ sender: "! the connection is lost" })).toBe('"! the connection is lost": hello');
    expect(shown({ sender: "* bob joined team" })).toBe('"* bob joined team": hello');
    expect(shown({ sender: 'a": b' })).toBe('"a\\": b": hello');
    expect(shown({ group: "team] bob: hi [x", sender: "anna maria" })).toBe('["team] bob: hi [x"] "anna maria": hello');
  });

  test("does not fill the rest of the line with blanks, after which a line of somebody else would seem to begin", () => {
    for (const blank of [" ", "\u00a0", "\u3000", "\u2800"])
      expect(shown({ body: `hi${blank.repeat(200)}12:35 bob: yes` })).toBe("alice: hi   12:35 bob: yes");
  });
});
