// The people and the dialogues of a demonstration.

import { expect, test } from "bun:test";
import { isPerson } from "../../../src/auth/names.ts";
import { isPrintable } from "../../../src/base/printable.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { SignedIn } from "../../../src/cli/demo/actor.ts";
import { castOf } from "../../../src/cli/demo/cast.ts";
import { dialogues, groupPlans } from "../../../src/cli/demo/dialogues.ts";
import { Place } from "../../../src/cli/demo/place.ts";

test("a seed has the same people, whose names are valid and differ, up to the most that can be asked for", () => {
  const cast = castOf(1_000, seededRandom(1));
  expect(new Set(cast.map(({ account }) => account)).size).toBe(1_000);
  for (const { account, name } of cast) {
    expect([account, isPerson(account)]).toEqual([account, true]);
    // As profiles take them.
    expect([name, isPrintable(name) && name.length <= 64]).toEqual([name, true]);
  }
  expect(castOf(1_000, seededRandom(1))).toEqual(cast);
  expect(castOf(20, seededRandom(2))).not.toEqual(cast.slice(0, 20));
  expect(castOf(30, seededRandom(1))).toEqual(cast.slice(0, 30));
});

test("names and texts are in several scripts, one of them from right to left", () => {
  const names = castOf(40, seededRandom(1))
    .map(({ name }) => name)
    .join();
  const texts = Object.values(dialogues).flat(2).join();
  for (const text of [names, texts, groupPlans.map(({ name }) => name).join()])
    for (const script of [/\p{Script=Latin}/u, /\p{Script=Han}/u, /\p{Script=Arabic}/u]) expect(text).toMatch(script);
  expect(texts).toMatch(/\p{Emoji_Presentation}/u);
});

const nobody = { url: "ws://127.0.0.1:1", tokenOf: () => Promise.resolve("") };

test("nobody talks in a place while all are away", () => {
  const actors = castOf(3, seededRandom(1)).map((person) => new SignedIn(person, nobody));
  const place = new Place({ language: "english", actors, partnerOf: () => ({ group: "g" }), isGroup: true });
  expect(place.next(seededRandom(1))).toBeUndefined();
  expect(place.present()).toEqual([]);
});

test("everybody else in a group is mentioned now and then, the guest too, and nobody in a direct conversation", () => {
  const actors = castOf(3, seededRandom(1)).map((person) => new SignedIn(person, nobody));
  const [actor, ...others] = actors;
  if (actor === undefined) throw new Error("there is one");
  const parts = { language: "english", actors, partnerOf: () => ({ group: "g" }), guest: "me" } as const;
  const random = seededRandom(1);
  const group = new Place({ ...parts, isGroup: true });
  const mentioned = new Set(Array.from({ length: 100 }, () => group.mentioned(actor, random)));
  expect(mentioned).toEqual(new Set(["me", ...others.map(({ account }) => account)]));
  expect(new Place({ ...parts, isGroup: false }).mentioned(actor, random)).toBeUndefined();
});

test("a place remembers the last twenty messages that were not recalled", () => {
  const [actor] = castOf(1, seededRandom(1)).map((person) => new SignedIn(person, nobody));
  if (actor === undefined) throw new Error("there is one");
  const place = new Place({
    language: "chinese",
    actors: [actor],
    partnerOf: () => ({ account: "b" }),
    isGroup: false,
  });
  const said = Array.from({ length: 25 }, (_, at) => ({ id: BigInt(at), actor, text: `${at}` }));
  for (const each of said) place.remember(each);
  expect(place.recent.map(({ id }) => Number(id))).toEqual(Array.from({ length: 20 }, (_, at) => at + 5));
  const [, , , , , , gone] = said;
  if (gone !== undefined) place.forget(gone);
  expect(place.recent.map(({ id }) => Number(id))).not.toContain(6);
  expect(place.recent).toHaveLength(19);
});
