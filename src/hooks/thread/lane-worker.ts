// The entry of the thread in which lanes run. To choose, render, sign and send a batch takes milliseconds, for which
// those would wait who talk at that moment; here nobody waits.
//
// In a compiled binary this file is an entry point of its own (see base/start-thread.ts).

import { deserialize } from "bun:jsc";
import type { Log, LogFields, LogLevel } from "../../base/log.ts";
import { systemRuntime } from "../../base/runtime.ts";
import { startFilePool, yieldToOthers } from "../../base/thread-priority.ts";
import { openHookReads, type OwnReads } from "../../store/hook-reads.ts";
import type { HookReads } from "../../store/hooks.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { HookAddresses } from "../addresses.ts";
import { HookCounts } from "../hook-counts.ts";
import { HttpSender } from "../http-sender.ts";
import { type RunningLanes, startLanes } from "../lanes.ts";
import type { FromLaneThread, LaneCalls, ToLaneThread } from "./messages.ts";

declare const self: Worker;

/** A tenth of a core when all are in demand. */
const laneNiceness = 10;

const { clock, timers } = systemRuntime;
const counts = new HookCounts();
const pending = new Map<number, PromiseWithResolvers<unknown>>();
let calls = 0;
let hasYielded = false;
let sender: HttpSender | undefined;
let lanes: RunningLanes | undefined;
let reads: OwnReads | undefined;

function tell(message: FromLaneThread): void {
  self.postMessage(message);
}

function ask<Name extends keyof LaneCalls>(
  name: Name,
  ...words: Parameters<LaneCalls[Name]>
): Promise<Awaited<ReturnType<LaneCalls[Name]>>> {
  const call = calls++;
  const answer = Promise.withResolvers<unknown>();
  pending.set(call, answer);
  tell({ kind: "call", call, name, words });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- lane-thread.ts answers by the call's name
  return answer.promise as Promise<Awaited<ReturnType<LaneCalls[Name]>>>;
}

function takeAnswer(call: number, settle: (answer: PromiseWithResolvers<unknown>) => void): void {
  const answer = pending.get(call);
  pending.delete(call);
  if (answer !== undefined) settle(answer);
}

/** Passed on to the store. */
const asked: HookReads = {
  waiting: async (...words) => deserialize(await ask("waiting", ...words)),
  page: async (...words) => deserialize(await ask("page", ...words)),
  records: async (...words) => deserialize(await ask("records", ...words)),
  receivers: async (...words) => deserialize(await ask("receivers", ...words)),
};

const logAt =
  (level: LogLevel) =>
  (sentence: string, fields?: LogFields): void =>
    tell({ kind: "log", level, sentence, fields });
const log: Log = {
  debug: logAt("debug"),
  info: logAt("info"),
  warn: logAt("warn"),
  error: logAt("error"),
  linesLost: () => 0,
};

/** What was counted since the last time is told with each commit, and at the end. */
function tellCounts(): void {
  const { delivered, failedAttempts, dead } = counts;
  if (delivered + failedAttempts + dead === 0) return;
  Object.assign(counts, new HookCounts());
  tell({ kind: "counted", counts: { delivered, failedAttempts, dead } });
}

function tellBug(error: unknown): void {
  tell({ kind: "bug", stack: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

async function start({ endpoints, pace, network }: Extract<ToLaneThread, { kind: "start" }>): Promise<void> {
  if (!hasYielded) {
    hasYielded = true;
    await startFilePool();
    yieldToOthers(laneNiceness);
  }
  const addresses = new HookAddresses(network.allowed);
  const proxy = network.proxy === undefined ? undefined : new URL(network.proxy);
  sender = new HttpSender({ addresses, proxy, timers, version: network.version });
  try {
    reads = await openHookReads(asked, () => ask("file"), timers);
    lanes = await startLanes(
      {
        store: reads,
        conversations: { conversations: (query) => ask("conversations", query) },
        sessions: { locate: (app, accounts) => ask("locate", app, accounts) },
        save: (changes) => {
          tellCounts();
          return ask("save", changes);
        },
        ...{ sender, pace, clock, timers, counts, log },
        bug: tellBug,
      },
      endpoints,
    );
    tell({ kind: "started" });
  } catch (error) {
    const isUnavailable = error instanceof StoreUnavailable;
    if (!isUnavailable) tellBug(error);
    tell({ kind: "unavailable", sentence: isUnavailable ? error.message : "webhooks met a bug" });
  }
}

async function stop(): Promise<void> {
  await lanes?.stop();
  lanes = undefined;
  reads?.close();
  sender?.close();
  tellCounts();
  tell({ kind: "stopped" });
}

self.onmessage = ({ data: message }: MessageEvent<ToLaneThread>) => {
  switch (message.kind) {
    case "start":
      void start(message);
      return;
    case "answer":
      takeAnswer(message.call, ({ resolve }) => resolve(message.value));
      return;
    case "failed": {
      const { call, sentence, isUnavailable } = message;
      takeAnswer(call, ({ reject }) => reject(isUnavailable ? new StoreUnavailable(sentence) : new Error(sentence)));
      return;
    }
    case "stop":
      void stop();
  }
};
