// The thread of the lanes: what it leaves to others, and what becomes of it when it fails.

import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { until } from "../../scripts/harness/until.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import { systemTimers, type Timers } from "../../src/base/timers.ts";
import { endMsMax, keptMs, stopMsMax } from "../../src/hooks/thread/lane-thread.ts";
import type { HookStore } from "../../src/store/hooks.ts";
import { onSqlite } from "./hook-places.ts";
import { HookStage } from "./hook-stage.ts";

/** The priorities of the threads of this process, as Linux counts them: the greater, the later is a thread's turn. */
function nicenesses(): number[] {
  return readdirSync("/proc/self/task").map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
    // The second field is the name in parentheses, which may hold spaces.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  });
}

onSqlite((makePlace) => {
  let stage: HookStage;
  const usual = globalThis.Worker;
  afterEach(async () => {
    globalThis.Worker = usual;
    await stage.close();
  });

  test.skipIf(process.platform !== "linux")("a thread of lanes waits for all others", async () => {
    stage = await HookStage.open(await makePlace());
    const before = nicenesses();
    const [least = 0] = before.toSorted((one, other) => other - one);
    const node = await stage.start();
    const [thread = 0] = nicenesses().toSorted((one, other) => other - one);
    expect(thread).toBeGreaterThan(least);
    await node.stop();
    await stage.threads.close();
    expect(nicenesses()).not.toContain(thread);
    expect(stage.bugs).toEqual([]);
  });

  test("when a setting changes, the same thread goes on with it; without lanes it ends after a while", async () => {
    let workers = 0;
    globalThis.Worker = new Proxy(usual, {
      construct(target, words) {
        if (String(words[0]).includes("lane-worker")) workers++;
        return Reflect.construct(target, words);
      },
    });
    const kept: (() => void)[] = [];
    const timers: Timers = {
      ...systemTimers,
      after(delayMs, action) {
        if (delayMs !== keptMs) return systemTimers.after(delayMs, action);
        kept.push(action);
        return () => void kept.splice(kept.indexOf(action), 1);
      },
    };
    stage = await HookStage.open(await makePlace());
    await stage.start({}, { timers });
    await stage.say({ body: "one" });
    await until(() => stage.receiver.bodies.includes("one"), "it is told");
    await stage.set({ events: ["message.stored", "group.changed"] });
    await stage.say({ body: "two" });
    await until(() => stage.receiver.bodies.includes("two"), "what follows is told");
    await stage.store.backEnd.hooks.remove("app", "crm");
    await until(() => kept.length === 1, "it waits for others");
    expect(workers).toBe(1);
    for (const end of kept) end();
    await stage.set();
    await stage.say({ body: "three" });
    await until(() => workers === 2, "another thread is started");
    expect(stage.bugs).toEqual([]);
  });

  test("a thread that dies is a bug, and another one goes on where it was", async () => {
    const workers: Worker[] = [];
    globalThis.Worker = new Proxy(usual, {
      construct(target, words) {
        const worker: Worker = Reflect.construct(target, words);
        if (String(words[0]).includes("lane-worker")) workers.push(worker);
        return worker;
      },
    });
    stage = await HookStage.open(await makePlace());
    await stage.start();
    await stage.say({ body: "one" });
    await until(() => stage.receiver.bodies.includes("one"), "it is told");
    workers[0]?.terminate();
    await until(() => workers.length === 2, "another thread is started");
    await stage.say({ body: "two" });
    await until(() => stage.receiver.bodies.includes("two"), "what follows is told");
    expect(stage.bugs.map(String)).toEqual(["Error: the thread of webhooks died: it ended"]);
  });

  test("a thread that hangs is left behind, which is logged, and its node stops", async () => {
    const left: (() => void)[] = [];
    globalThis.Worker = new Proxy(usual, {
      construct(target, words) {
        const worker: Worker = Reflect.construct(target, words);
        if (!String(words[0]).includes("lane-worker")) return worker;
        left.push(worker.terminate.bind(worker));
        const post = worker.postMessage.bind(worker);
        // As one that is in a loop: it hears nothing, and does not end.
        return Object.assign(worker, {
          terminate: () => undefined,
          postMessage: (message: { readonly kind: string }) => message.kind === "stop" || post(message),
        });
      },
    });
    const waited: number[] = [];
    const errors: string[] = [];
    const log: Log = { ...silentLog, error: (sentence) => errors.push(sentence) };
    const timers: Timers = {
      ...systemTimers,
      after: (delayMs, action) => {
        if (delayMs !== stopMsMax && delayMs !== endMsMax) return systemTimers.after(delayMs, action);
        waited.push(delayMs);
        return systemTimers.after(0, action);
      },
    };
    stage = await HookStage.open(await makePlace());
    const node = await stage.start({}, { timers, log });
    await node.stop();
    expect(waited).toEqual([stopMsMax, endMsMax]);
    expect(errors).toEqual([
      `the thread of webhooks has not stopped within ${stopMsMax} ms, and is left behind`,
      `the thread of webhooks has not ended within ${endMsMax} ms, and is left behind`,
    ]);
    expect(stage.bugs).toEqual([]);
    for (const end of left) end();
  });

  test("a thread that hangs while it starts does not hold up its node's end", async () => {
    const asked: string[] = [];
    globalThis.Worker = new Proxy(usual, {
      construct(target, words) {
        const worker: Worker = Reflect.construct(target, words);
        if (!String(words[0]).includes("lane-worker")) return worker;
        return Object.assign(worker, { postMessage: ({ kind }: { readonly kind: string }) => asked.push(kind) });
      },
    });
    stage = await HookStage.open(await makePlace());
    await stage.set();
    const node = stage.node();
    await until(() => asked.length > 0, "the thread is asked to start");
    await node.stop();
    expect(asked).toEqual(["start"]);
    expect(node.isDelivering).toBe(false);
    expect(stage.bugs).toEqual([]);
  });

  test("a bug in the thread is one of the process, and its lanes go on", async () => {
    stage = await HookStage.open(await makePlace());
    const hooks = stage.store.backEnd.hooks;
    let pages = 0;
    const garbled: HookStore = new Proxy(hooks, {
      get(target, key): unknown {
        const value: unknown = Reflect.get(target, key);
        // A store without a file is asked for its pages.
        if (key === "file") return () => Promise.resolve(undefined);
        if (key === "serialized")
          return {
            ...target.serialized,
            page: (...words: Parameters<HookStore["serialized"]["page"]>) =>
              pages++ === 0 ? Promise.resolve(new SharedArrayBuffer(3)) : target.serialized.page(...words),
          };
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await stage.start({}, { store: garbled });
    await stage.say({ body: "one" });
    await until(() => stage.receiver.bodies.includes("one"), "it is told");
    expect(stage.bugs.length).toBe(1);
    expect(String(stage.bugs[0])).toStartWith("Error: a bug in the thread of webhooks: ");
  });
});
