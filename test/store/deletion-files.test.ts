// What is left of a deleted account in the files of a store on SQLite, and a deletion whose process dies.

import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { ChangeJob } from "../../src/store/change-jobs.ts";
import type { BackEndWrite } from "../../src/store/sqlite/back-end/calls.ts";
import type { DeletionPlace, DeletionSlice } from "../../src/store/sqlite/bulk/deletion-steps.ts";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { Random, testSeed } from "../support/random.ts";
import { filesWith, pass } from "./erased-text.ts";
import { say, worlds } from "./log-and-runs.ts";
import { commit, type Process } from "./log-process.ts";
import { draft, talk } from "./samples.ts";

const newWorld = worlds();

/** Each in one place of the store, and long enough to be recognised. */
const texts = {
  name: "the account whose data is deleted",
  clientId: "what a client named a message by",
  receivedClientId: "what another named its message by",
  editClientId: "what a client named its edit by",
  body: "the body of a message that is not long",
  long: `the body of a message ${"that goes on and on ".repeat(900)}`,
  extra: "what stood beside the text of a message",
  received: "the body of a message that it was sent",
  profile: "the name that it showed to all others",
  alias: "the name that it had in one of its groups",
  request: "the words by which it asked to be let in",
};
const marks = Object.values(texts).map((text) => text.slice(0, 24));

function due(process: Process): DeletionPlace | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the call's own answer
  return process.reader.backEnd({ call: "deletionDue", kind: "delete-data" }, Date.now()) as DeletionPlace | undefined;
}

function finds(process: Process, place: DeletionPlace): Partial<DeletionSlice> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the call's own answer
  return process.reader.backEnd({ call: "deletionFinds", place }, Date.now()) as Partial<DeletionSlice>;
}

/** A slice of what is due; false if nothing is. */
function step(process: Process): boolean {
  const place = due(process);
  if (place === undefined) return false;
  const found = finds(process, place);
  process.writer.backEnd({ call: "deletionSlice", slice: { ...place, ...found } });
  return true;
}

const eve = texts.name;
const deleteEve: BackEndWrite = { call: "deleteData", app: "app", account: eve };
const messages = 1_300;

function fill(process: Process): void {
  const create = (id: string, members: string[]) =>
    ({ kind: "create", draft: draft({ id, members }), isWhole: true }) as const;
  commit(process, [create("g1", [eve]), create("g2", [])]);
  const first = say(process, { sender: eve, body: texts.body, extra: texts.extra, clientId: texts.clientId });
  say(process, { sender: eve, toGroup: true, dest: "g1", body: texts.long });
  say(process, { sender: "joe", dest: eve, body: texts.received, clientId: texts.receivedClientId });
  say(process, { sender: "ann", toGroup: true, dest: "g1", mentions: [eve] });
  for (let i = 0; i < messages; i++)
    commit(process, [talkJob(talk({ sender: i % 2 === 0 ? eve : "joe", dest: `to ${i % 700}`, body: `number ${i}` }))]);
  const alias = { app: "app", group: "g1", actor: eve, kind: "alias", alias: texts.alias } as const;
  const approval = { app: "app", group: "g2", actor: "ann", kind: "update", hasApproval: true } as const;
  const edit = {
    kind: "edit",
    app: "app",
    actor: eve,
    messageId: `${first}`,
    body: texts.body,
    extra: texts.extra,
  } as const;
  const changes: ChangeJob[] = [
    { ...edit, clientId: texts.editClientId, windowMs: 3_600_000 },
    { kind: "people", call: { call: "profile", app: "app", account: eve, name: texts.profile } },
    { kind: "group", call: { call: "change", change: alias } },
    { kind: "group", call: { call: "change", change: approval } },
    { kind: "group", call: { call: "request", app: "app", group: "g2", actor: eve, text: texts.request } },
  ];
  for (const result of process.writer.commitChanges(changes))
    expect(result).toMatchObject({ outcome: { result: expect.stringMatching(/stored|pending|requested/) } });
}

test("within an hour, no file of the store has a text of a deleted account", () => {
  const world = newWorld(200);
  const process = world.start();
  fill(process);
  process.settle();
  for (const mark of marks) expect(filesWith(world, mark)).not.toEqual([]);
  process.writer.backEnd(deleteEve);
  while (step(process));
  pass(world, process, 60);
  for (const mark of marks) expect(filesWith(world, mark)).toEqual([]);
  expect(say(process, { sender: "ann", dest: "joe", body: texts.body })).toBeGreaterThan(0n);
  process.die();
});

test("a deletion goes on after its process has died, in whatever step, and two processes do nothing twice", () => {
  const random = new Random(testSeed("a deletion goes on"));
  const world = newWorld(200);
  let process = world.start();
  fill(process);
  process.writer.backEnd(deleteEve);
  let slices = 0;
  for (; due(process) !== undefined; slices++) {
    const place = due(process);
    if (random.once(3)) {
      process.die();
      process = world.start();
      expect(due(process)).toEqual(place);
    }
    const other = random.once(3) ? world.start() : undefined;
    if (other !== undefined && place !== undefined) {
      const found = finds(other, place);
      step(process);
      const now = due(process);
      other.writer.backEnd({ call: "deletionSlice", slice: { ...place, ...found } });
      expect(due(process)).toEqual(now);
      other.die();
    } else step(process);
  }
  expect(slices).toBeGreaterThan(12);
  pass(world, process, 60);
  for (const mark of marks) expect(filesWith(world, mark)).toEqual([]);
  process.die();
});

test("another process that knows the account by its name writes as a new one", () => {
  const world = newWorld(200);
  const [process, other] = [world.start(), world.start()];
  say(process, { sender: eve, body: "one" });
  say(other, { sender: eve, body: "two" });
  process.writer.backEnd(deleteEve);
  const id = say(other, { sender: eve, body: texts.body });
  while (step(process));
  pass(world, process, 20);
  expect(filesWith(world, marks[0] ?? "")).not.toEqual([]);
  expect(id).toBeGreaterThan(0n);
  for (const one of [process, other]) one.die();
});

test("an index that is made from the log again recognises a retry of a message that was recalled", () => {
  const world = newWorld(200);
  let process = world.start();
  const retried = { sender: "joe", dest: "ann", body: texts.body, clientId: texts.clientId };
  const messageId = say(process, retried);
  const recall = { kind: "recall", app: "app", actor: "joe", messageId: `${messageId}`, windowMs: 3_600_000 } as const;
  expect(process.writer.commitChanges([recall])).toMatchObject([{ outcome: { result: "stored" } }]);
  pass(world, process, 20);
  expect(filesWith(world, texts.clientId)).toEqual([]);
  process.die();
  rmSync(indexPathOf(world.path));
  process = world.start();
  const [repeated] = commit(process, [talkJob(talk(retried))]);
  expect(repeated?.slice(0, 2)).toEqual([outcome.repeatedElsewhere, messageId]);
  process.die();
});
