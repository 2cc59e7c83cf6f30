// What becomes of a store thread that fails, or is ended: the start learns why, whenever that was.

import { afterEach, expect, test } from "bun:test";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { StoreThread } from "../../src/store/sqlite/store-thread.ts";
import { StoreUnavailable } from "../../src/store/store.ts";

const opening = {
  kind: "open",
  role: "writer",
  path: "/nowhere",
  synchronous: "FULL",
  holder: "test",
  flushMessages: 1,
  bounds: limitValues(),
  claim: claimOfNobody,
} as const;

/** Answers whatever it is asked. */
const willing = `self.onmessage = () => postMessage({ kind: "done" })`;

const lines: StoreThread[] = [];

afterEach(async () => {
  for (const line of lines.splice(0)) await line.close();
});

/** A line whose threads run these programs, one after the other; and the threads. */
function lineOf(...programs: readonly string[]): { readonly line: StoreThread; readonly threads: readonly Worker[] } {
  const threads: Worker[] = [];
  const spawn = (): Worker => {
    const program = programs[threads.length];
    if (program === undefined) throw new Error("one thread too many");
    const thread = new Worker(URL.createObjectURL(new Blob([program])));
    threads.push(thread);
    return thread;
  };
  const line = new StoreThread(opening, silentLog, () => undefined, spawn);
  lines.push(line);
  return { line, threads };
}

const endOf = (thread: Worker): Promise<unknown> =>
  new Promise((resolve) => thread.addEventListener("close", resolve, { once: true }));

test("a thread that fails before it is started gives the start its reason, and starts no other one", async () => {
  const { line, threads } = lineOf(`throw new Error("its code is broken")`, willing);
  await endOf(line.load());
  const start = line.start();
  await expect(start).rejects.toThrow(StoreUnavailable);
  await expect(start).rejects.toThrow(/the store's writer died: [^]*its code is broken/);
  expect(threads).toHaveLength(1);
  // Whoever tries it again gets a new one.
  await line.start();
  expect(threads).toHaveLength(2);
});

test("a thread that fails while it is started gives the start its reason, once", async () => {
  const { line, threads } = lineOf(`self.onmessage = () => { throw new Error("it cannot open") }`, willing);
  await expect(line.start()).rejects.toThrow(/the store's writer died: [^]*it cannot open/);
  await line.start();
  expect(threads).toHaveLength(2);
});

test("a thread that has reported an error does not live on", async () => {
  const { line, threads } = lineOf(`setInterval(() => {}, 1000); throw new Error("broken, and alive")`);
  await endOf(line.load());
  await expect(line.start()).rejects.toThrow("broken, and alive");
  expect(threads).toHaveLength(1);
});

test("whoever waits for a thread to open its files learns that it was ended first", async () => {
  for (const stop of ["close", "end"] as const) {
    const { line } = lineOf(`self.onmessage = () => undefined`, willing);
    const start = line.start();
    line.claimAs(claimOfNobody);
    const ended = line[stop]();
    await expect(start).rejects.toThrow(StoreUnavailable);
    await expect(start).rejects.toThrow("the store's writer was ended before it opened its files");
    await ended;
    await line.start();
    expect(line.isReady).toBe(true);
  }
});

test("a thread that dies while it is told to end has ended", async () => {
  const dying = `self.onmessage = ({ data }) => {
    if (JSON.parse(data).kind === "open") postMessage({ kind: "done" });
    else process.exit(0);
  }`;
  const { line, threads } = lineOf(dying);
  await line.start();
  await line.close();
  expect([line.isReady, threads.length]).toEqual([false, 1]);
});
