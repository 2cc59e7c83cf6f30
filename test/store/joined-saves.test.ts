// What webhooks save goes into the commits of messages, or is committed alone where none comes.

import { expect, test } from "bun:test";
import { JoinedSaves } from "../../src/store/sqlite/hooks/joined-saves.ts";
import type { HookSave } from "../../src/store/sqlite/hooks/requests.ts";
import type { Answer, Request } from "../../src/store/sqlite/protocol.ts";
import { StoreDamaged, StoreUnavailable } from "../../src/store/store.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** A batch of so many messages, and the holders of the saves that it carries. */
type Committed = readonly [messages: number, holders: readonly string[]];

class Stage {
  readonly timers = new ManualTimers();
  readonly commits: Committed[] = [];
  failure: Error | undefined;
  /** What belongs to webhooks is damaged: nothing is committed with it. */
  areHooksDamaged = false;
  readonly saves = new JoinedSaves({ call: (request) => this.commit(request) }, this.timers);

  /** As the writer does; nobody but those whose name ends in a digit has the lease. */
  private commit(request: Request): Promise<Answer> {
    if (request.kind !== "batch") return Promise.resolve({ kind: "done" });
    const { jobs, saves } = request;
    this.commits.push([jobs.length, (saves ?? []).map(({ holder }) => holder)]);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.areHooksDamaged && saves !== undefined) return Promise.reject(new StoreDamaged("a page is damaged"));
    const areSaved = saves?.map(({ holder }) => /\d$/.test(holder));
    return Promise.resolve({
      kind: "numbers",
      numbers: new BigInt64Array(jobs.length),
      texts: "",
      ...(areSaved === undefined ? {} : { areSaved }),
    });
  }

  /** A batch of a message. */
  talk(): Promise<Answer> {
    const job = { kind: "ack", app: "app", account: "ann", device: "", messageId: "1" } as const;
    return this.saves.call({ kind: "batch", jobs: [job] });
  }
}

function saveOf(holder: string, characters = 20): HookSave {
  const batch = { webhookId: "msg_1", lane: "log", state: "open", conversation: "", reason: "" } as const;
  const numbers = { endpoint: "1", upTo: "1", attempts: 0, dueMs: 0 };
  return { holder, changes: [{ change: "put", batch: { ...batch, ...numbers, refs: ["1".repeat(characters)] } }] };
}

test("a save goes into the next commit of messages, and each is told whether it was made", async () => {
  const stage = new Stage();
  await stage.talk();
  const saved = [stage.saves.save(saveOf("h1")), stage.saves.save(saveOf("nobody"))];
  stage.timers.advance(9);
  await stage.talk();
  expect(await Promise.all(saved)).toEqual([true, false]);
  await stage.talk();
  stage.timers.advance(1_000);
  expect(stage.commits).toEqual([
    [1, []],
    [1, ["h1", "nobody"]],
    [1, []],
  ]);
});

test("where messages were stored a moment ago, it waits a moment for more, and is committed alone", async () => {
  const stage = new Stage();
  await stage.talk();
  const saved = stage.saves.save(saveOf("h1"));
  stage.timers.advance(9);
  expect(stage.commits).toEqual([[1, []]]);
  stage.timers.advance(1);
  expect(await saved).toBe(true);
  expect(stage.commits.slice(1)).toEqual([[0, ["h1"]]]);
});

test("where nobody talks, it is committed at once", async () => {
  const stage = new Stage();
  await stage.talk();
  stage.timers.advance(1_000);
  const saved = stage.saves.save(saveOf("h1"));
  stage.timers.advance(0);
  expect(await saved).toBe(true);
});

test("a commit of messages carries 64 KiB besides, the oldest first; what is longer goes alone", async () => {
  const stage = new Stage();
  await stage.talk();
  const sizes = [30_000, 30_000, 30_000, 100_000, 1];
  const saved = sizes.map((characters, at) => stage.saves.save(saveOf(`h${at}`, characters)));
  await stage.talk();
  await stage.talk();
  stage.timers.advance(10);
  expect(await Promise.all(saved)).toEqual([true, true, true, true, true]);
  expect(stage.commits.slice(1)).toEqual([
    [1, ["h0", "h1"]],
    [1, ["h2"]],
    [0, ["h3"]],
    [0, ["h4"]],
  ]);
});

test("a commit that fails fails what it carried, and nothing else", async () => {
  const stage = new Stage();
  await stage.talk();
  stage.failure = new StoreUnavailable("the disk is full");
  const saved = stage.saves.save(saveOf("h1"));
  const [talked, refused] = await Promise.allSettled([stage.talk(), saved]);
  expect([talked, refused].map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  stage.failure = undefined;
  const again = stage.saves.save(saveOf("h1"));
  await stage.talk();
  expect(await again).toBe(true);
});

test("messages are committed without what webhooks save where that is damaged", async () => {
  const stage = new Stage();
  await stage.talk();
  stage.areHooksDamaged = true;
  const saved = stage.saves.save(saveOf("h1"));
  const [talked, refused] = await Promise.allSettled([stage.talk(), saved]);
  expect([talked, refused].map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(stage.commits.slice(1)).toEqual([
    [1, ["h1"]],
    [1, []],
  ]);
  const alone = stage.saves.save(saveOf("h2"));
  stage.timers.advance(10);
  await expect(alone).rejects.toBeInstanceOf(StoreDamaged);
});
