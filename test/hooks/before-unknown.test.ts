// What comes while the store has not said yet which back ends are to be asked.

import { expect, test } from "bun:test";
import { systemRandom } from "../../src/base/random.ts";
import { BeforeHooks } from "../../src/hooks/before-hooks.ts";
import { HookCounts } from "../../src/hooks/hook-counts.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const knowledgeMs = 3_000;
const waitingMax = 1_000;

function stage() {
  const time = new ManualTimers();
  const before = new BeforeHooks({
    store: { records: () => Promise.reject(new Error("nothing is looked up")) },
    sender: { post: () => Promise.reject(new Error("nobody is asked")) },
    clock: time,
    timers: time,
    random: systemRandom,
    timeoutMs: 1_000,
    counts: new HookCounts(),
    bug: (error) => expect(error).toBeUndefined(),
  });
  before.update(undefined);
  const talk = (body: string) => ({ app: "app", sender: "ann", toGroup: false, dest: "bob", type: 1, body });
  const say = (body = "hi") => before.ofTalk({ ...talk(body), extra: "", clientId: "" });
  return { time, before, say };
}

test("it waits, and is allowed in its order when nobody is to be asked", async () => {
  const { before, say } = stage();
  expect([before.asksOfTalks("app"), before.asksOfGroups("app")]).toEqual([true, true]);
  const order: string[] = [];
  const waiting = ["one", "two", "three"].map(async (body) => {
    const { isAllowed } = await say(body);
    order.push(`${body} ${isAllowed}`);
  });
  before.update([]);
  await Promise.all(waiting);
  expect(order).toEqual(["one true", "two true", "three true"]);
  expect([before.asksOfTalks("app"), before.asksOfGroups("app")]).toEqual([false, false]);
});

test("it is refused, as what clients repeat, when the store has said nothing for three seconds", async () => {
  const { time, before, say } = stage();
  const asked = [say(), before.ofGroup("app", "ann", "chat.group.quit", "g")];
  time.advance(knowledgeMs - 1);
  expect(await Promise.race([...asked, Bun.sleep(0)])).toBeUndefined();
  time.advance(1);
  for (const verdict of await Promise.all(asked))
    expect(verdict).toMatchObject({ isAllowed: false, isAnswered: false });
  expect(time.pending).toBe(0);
});

test("more than a thousand that wait are refused at once, and cost the others nothing", async () => {
  const { before, say } = stage();
  const waiting = Array.from({ length: waitingMax }, () => say());
  expect((await say()).isAllowed).toBe(false);
  before.update([]);
  expect((await Promise.all(waiting)).every(({ isAllowed }) => isAllowed)).toBe(true);
  expect((await say()).isAllowed).toBe(true);
});
