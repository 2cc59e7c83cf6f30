import { describe, expect, test } from "bun:test";
import { messageLine, nameList, rowsMax, rowsOf } from "../../src/cli/chat/format.ts";
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
    ["/groups", { kind: "groups" }],
    ['/group use "the \\"big\\" team"', { kind: "use", name: 'the "big" team' }],
    ['/to "anna maria"', { kind: "to", name: "anna maria" }],
    ["/group use g1", { kind: "use", name: "g1" }],
  ];
  for (const [line, input] of cases) {
    test(`"${line}" is ${input.kind}`, () => expect(parseInput(line)).toEqual(input));
  }

  test("that is a command which does not exist, or lacks a word, is never sent as a message", () => {
    for (const line of ["/to", "/group", "/group create", "/group join", "/group drop g1", "/leave"]) {
      expect(parseInput(line).kind).toBe("invalid");
    }
  });
});

describe("a message", () => {
  const shown = (message: { sender?: string; where?: string; body?: string }): string =>
    messageLine({ sender: "alice", where: "", body: "hello", sendTime: 0n, ...message }).slice("12:34 ".length);

  test("is one line with its sender, whatever names and bodies hold", () => {
    const line = shown({ sender: "bob\u001b[31m", where: "team", body: "one\ntwo" });
    expect(line).toBe('[team] "bob\\u001b[31m": one ⏎ two');
  });

  test("begins with its time, and a name that could be a mark, a group or a sentence stands in quotes", () => {
    expect(shown({})).toBe("alice: hello");
    expect(shown({ sender: "[g] carol" })).toBe('"[g] carol": hello');
    expect(shown({ sender: "! the connection is lost" })).toBe('"! the connection is lost": hello');
    expect(shown({ sender: "* bob joined team" })).toBe('"* bob joined team": hello');
    expect(shown({ sender: 'a": b' })).toBe('"a\\": b": hello');
    expect(shown({ sender: "12:34 bob" })).toBe('"12:34 bob": hello');
    expect(shown({ sender: "anna maria" })).toBe('"anna maria": hello');
  });

  test("does not fill the rest of the line with blanks, after which another's line would seem to begin", () => {
    for (const blank of [" ", "\u00a0", "\u3000", "\u2800"])
      expect(shown({ body: `hi${blank.repeat(200)}12:35 bob: yes` })).toBe("alice: hi   12:35 bob: yes");
  });
});

describe("a line of a terminal", () => {
  test("is broken by us, and no row but the first begins at the left", () => {
    const line = `12:34 bob: ${"x".repeat(68)} 15:30 alice: please pay ${"y ".repeat(400)}`;
    const rows = rowsOf(line, 80);
    expect(rows.length).toBeGreaterThan(5);
    for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(80);
    for (const row of rows.slice(1)) expect(row).toStartWith("        ");
  });

  test("counts wide characters by their cells and tears no cluster", () => {
    const rows = rowsOf(`12:34 bob: ${"漢".repeat(100)}${"👩‍👩‍👧".repeat(40)}`, 41);
    for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(41);
    expect(rows.map((row) => row.trim()).join("")).toBe(`12:34 bob: ${"漢".repeat(100)}${"👩‍👩‍👧".repeat(40)}`);
  });

  test("has at most twenty rows, and says how much is left out", () => {
    const rows = rowsOf(`12:34 bob: ${"z".repeat(16_000)}`, 80);
    expect(rows).toHaveLength(rowsMax);
    expect(rows.at(-1)).toMatch(/^ {8}… [\d,]+ more characters$/);
    const shown = rows.slice(0, -1).join("").replaceAll(" ", "").length - "12:34bob:".length;
    expect(Number(/[\d,]+/.exec(rows.at(-1) ?? "")?.[0].replaceAll(",", ""))).toBe(16_000 - shown);
  });

  test("on a terminal of no width is still shown", () =>
    expect(rowsOf("12:34 bob: hello there", 0).join("")).toContain("bob"));
});

test("a list of names shows five of them and a count", () => {
  expect(nameList(["a", "b b", "c"])).toBe('a, "b b", c');
  expect(nameList(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d, e and 1 other");
  expect(nameList(Array.from({ length: 9_990 }, (_, at) => `m${at}`))).toBe("m0, m1, m2, m3, m4 and 9,985 others");
});
