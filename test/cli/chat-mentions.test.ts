import { expect, test } from "bun:test";
import { boldMentions, isMentioned, mentionsIn } from "../../src/cli/chat/mentions.ts";

const members = new Set(["alice", "bob.", "bob", "böb-2", "dr.who", "*"]);
const isMember = (account: string): boolean => members.has(account);

test("a mention is a member's name after an @ that begins a word", () => {
  const cases: [string, string[]][] = [
    ["@alice", ["alice"]],
    ["hi @alice, and (@böb-2)!", ["alice", "böb-2"]],
    ["@alice @alice", ["alice"]],
    ["@dr.who?", ["dr.who"]],
    ["@dr.who. @alice...", ["dr.who", "alice"]],
    ["@bob.", ["bob."]],
    ["mail a@alice, @@alice, @eve, @ alice, @", []],
    ["@alice and @*", ["*"]],
  ];
  for (const [text, mentions] of cases) expect([text, mentionsIn(text, isMember)]).toEqual([text, mentions]);
  expect(mentionsIn("@*", (account) => account === "alice")).toEqual([]);
});

test("at most fifty accounts are mentioned", () => {
  const text = Array.from({ length: 60 }, (_, at) => `@a${at}`).join(" ");
  expect(mentionsIn(text, () => true)).toHaveLength(50);
});

test("an account is mentioned by its name, and with everybody", () => {
  expect([isMentioned(["bob", "alice"], "alice"), isMentioned(["*"], "alice")]).toEqual([true, true]);
  expect([isMentioned([], "alice"), isMentioned(["al"], "alice")]).toEqual([false, false]);
});

test("mentions of an account, and of everybody, are bold, and nothing else", () => {
  expect(boldMentions("@alice. @alicea @bob @*", "alice")).toBe(
    "\u001b[1m@alice\u001b[22m. @alicea @bob \u001b[1m@*\u001b[22m",
  );
});
