// What a filled store holds, and the list of conversations that follows from it: as a list that is kept message by
// message has it, and as the check of a real list wants it.

import { create } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { type Expected, FilledTalks } from "../../bench/filled/filled-talks.ts";
import { arriving, groupId, type Person, populationOf, readerName } from "../../bench/filled/population.ts";
import { checkList } from "../../bench/generator/conversation-client.ts";
import { type Conversation, ConversationSchema } from "../../src/wire/gen/pkt_pb.ts";

const active: Person = { account: "ann", messages: 101, senders: 7, groups: 3, isActive: true };
const idle: Person = { account: "bob", messages: 40, senders: 4 };
const filled = new FilledTalks({ app: "bench", people: [active, idle], rows: 1_000 });
const all = Array.from({ length: filled.total }, (_, number) => filled.talk(number));

/** What an account has to see, kept message by message. */
function listed(account: string): Expected[] {
  const conversations: Expected[] = [];
  for (const { talk, placed } of all) {
    const { sender, dest, toGroup, body } = talk;
    const isMember = toGroup && placed?.person.account === account;
    if (!isMember && sender !== account && dest !== account) continue;
    const name = toGroup ? { account: "", group: dest } : { account: sender === account ? dest : sender, group: "" };
    const at = conversations.findIndex(({ account: one, group }) => one === name.account && group === name.group);
    const [before] = at < 0 ? [] : conversations.splice(at, 1);
    const unread = (before?.unread ?? 0) + (sender === account ? 0 : 1);
    conversations.unshift({ ...name, unread: placed?.isReadTo === true ? 0 : unread, lastBody: body });
  }
  return conversations;
}

test("holds all messages of the people, evenly among those of others, and each once", () => {
  const places = all.flatMap(({ placed }, number) => (placed === undefined ? [] : [{ placed, number }]));
  expect(filled.total).toBe(1_141);
  expect(places.filter(({ placed }) => placed.person === active)).toHaveLength(101);
  expect(places.filter(({ placed }) => placed.person === idle)).toHaveLength(40);
  expect(new Set(places.map(({ placed }) => placed.body)).size).toBe(141);
  const gaps = places.slice(1).map(({ number }, index) => number - (places[index]?.number ?? 0));
  expect([Math.min(...gaps), Math.max(...gaps)]).toEqual([8, 9]);
});

test("the people's messages are mixed: no ten successive ones are of the same person", () => {
  const owners = all.flatMap(({ placed }) => (placed === undefined ? [] : [placed.person]));
  for (let from = 0; from + 10 <= owners.length; from++)
    expect(new Set(owners.slice(from, from + 10)).size).toBeGreaterThan(1);
});

test.each(["ann", "bob"])("the list of %s is that of its messages in their order", (account) => {
  expect(filled.conversations(account)).toEqual(listed(account));
});

test("an active person has groups, messages of its own, and conversations that are read in part", () => {
  const list = filled.conversations("ann");
  expect(
    list
      .map(({ group }) => group)
      .filter((group) => group !== "")
      .toSorted(),
  ).toEqual([0, 1, 2].map((number) => groupId("ann", number)));
  expect(all.some(({ talk }) => talk.sender === "ann" && talk.toGroup)).toBe(true);
  expect(all.some(({ talk }) => talk.sender === "ann" && !talk.toGroup)).toBe(true);
  expect(all.filter(({ placed }) => placed?.isReadTo === true)).toHaveLength(4);
});

test("the population has what the scenarios ask for", () => {
  const people = populationOf(false, 10_000);
  const order = { app: "bench", people, rows: 10_000_000 };
  const list = new FilledTalks(order).conversations(arriving);
  expect(list.filter(({ group }) => group === "")).toHaveLength(500);
  expect(list.filter(({ group }) => group !== "")).toHaveLength(200);
  expect(new Set(list.map(({ unread }) => unread)).size).toBeGreaterThan(5);
  expect(new FilledTalks(order).conversations(readerName(0))).toHaveLength(12);
});

function conversation({ account, group, unread, lastBody }: Expected): Conversation {
  return create(ConversationSchema, { account, group, unread, lastMessage: { body: lastBody } });
}

test("a list is right if its order, its unread counts and its last messages are", () => {
  const expected = filled.conversations("ann");
  const right = expected.map(conversation);
  expect(() => checkList(right, expected)).not.toThrow();
  expect(() => checkList(right.slice(1), expected)).toThrow("conversation 0 of a list is ");
  expect(() => checkList(right.slice(0, -1), expected)).toThrow("conversation 9 of a list is ");
  expect(() => checkList(right, expected.slice(0, -1))).toThrow("a list has 10 conversations instead of 9");
  const changes: readonly ((one: Expected) => Expected)[] = [
    (one) => ({ ...one, unread: one.unread + 1 }),
    (one) => ({ ...one, lastBody: "another" }),
    (one) => ({ ...one, account: "another" }),
    (one) => ({ ...one, group: "another" }),
  ];
  for (const change of changes) {
    const wrong = expected.map((one, index) => conversation(index === 3 ? change(one) : one));
    expect(() => checkList(wrong, expected)).toThrow("conversation 3 of a list is ");
  }
});
