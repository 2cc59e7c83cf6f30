// Lanes in a thread of their own, as the thread that starts them sees it: it answers what they ask of the store and of
// the sessions, and what it passes on to them it does not read.
//
// A setting that changes ends all lanes and starts others. They run in the same thread: the code of a new one is loaded
// and compiled anew, by threads that take their time from those who talk.

import type { Endpoint } from "../../store/hooks.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { startThread } from "../../base/start-thread.ts";
import type { Cancel, Timers } from "../../base/timers.ts";
import type { StartLanes } from "../lanes.ts";
import { graceMs } from "../pace.ts";
import type { FromLaneThread, LaneCalls, LaneNetwork, ToLaneThread } from "./messages.ts";

type Parts = Parameters<StartLanes>[0];

/**
 * A thread that was told to stop lets a request end (`graceMs`) and saves what came of it; one that was ended is gone
 * at once. The process waits no longer for one that hangs, or whose store does: what it has not saved is told again.
 */
export const stopMsMax = graceMs + 3_000;
export const endMsMax = 1_500;

/** How long a thread without lanes waits for others. */
export const keptMs = 60_000;

/** Starts lanes in a thread of their own, whose requests lead where `network` says. */
export class LaneThreads {
  private readonly network: LaneNetwork;
  /** The one without lanes. */
  private kept: { readonly thread: LaneThread; readonly cancel: Cancel } | undefined;
  private isClosed = false;

  constructor(network: LaneNetwork) {
    this.network = network;
  }

  readonly start: StartLanes = async (parts, endpoints) => {
    const thread = this.takeKept() ?? new LaneThread(parts);
    await thread.start(parts, endpoints, this.network);
    return {
      stop: async () => {
        if (await thread.stop()) await this.keep(thread, parts.timers);
      },
    };
  };

  /** Ends the thread that waits for lanes, and from now on each when its lanes have stopped. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.takeKept()?.end();
  }

  private takeKept(): LaneThread | undefined {
    const { kept } = this;
    this.kept = undefined;
    kept?.cancel();
    return kept?.thread.isAlive === true ? kept.thread : undefined;
  }

  private async keep(thread: LaneThread, timers: Timers): Promise<void> {
    if (this.isClosed || this.kept !== undefined) {
      await thread.end();
      return;
    }
    this.kept = { thread, cancel: timers.after(keptMs, () => void this.takeKept()?.end()) };
  }
}

/** The lanes of a thread. */
interface Run {
  readonly parts: Parts;
  readonly calls: LaneCalls;
  readonly started: PromiseWithResolvers<void>;
  readonly stopped: PromiseWithResolvers<void>;
}

function runOf(parts: Parts): Run {
  const { store, save, conversations, sessions } = parts;
  return {
    parts,
    calls: {
      ...store.serialized,
      save,
      conversations: (query) => conversations.conversations(query),
      locate: (app, accounts) => sessions.locate(app, accounts),
      file: () => store.file(),
    },
    started: Promise.withResolvers<void>(),
    stopped: Promise.withResolvers<void>(),
  };
}

class LaneThread {
  private readonly worker: Worker;
  private run: Run;
  private readonly closed = Promise.withResolvers<void>();
  private isEnding = false;

  constructor(parts: Parts) {
    this.run = runOf(parts);
    this.worker = startThread("hooks/thread/lane-worker.ts", new URL("./lane-worker.ts", import.meta.url));
    this.worker.onmessage = ({ data }: MessageEvent<FromLaneThread>) => this.take(data);
    this.worker.onerror = ({ message }) => this.die(message);
    this.worker.addEventListener("close", () => {
      this.die("it ended");
      this.closed.resolve();
    });
  }

  get isAlive(): boolean {
    return !this.isEnding;
  }

  /**
   * Starts lanes when the former ones have stopped. Rejects with StoreUnavailable, also if the node has stopped before
   * the thread has answered; then the thread has ended.
   */
  async start(parts: Parts, endpoints: readonly Endpoint[], network: LaneNetwork): Promise<void> {
    this.run = runOf(parts);
    const { started } = this.run;
    this.tell({ kind: "start", endpoints, pace: parts.pace, network: { ...network, proxy: network.proxy?.href } });
    const { stopping } = parts;
    const giveUp = (): void => started.reject(new StoreUnavailable("webhooks stop before their thread starts"));
    stopping.addEventListener("abort", giveUp, { once: true });
    if (stopping.aborted) giveUp();
    try {
      await started.promise;
    } catch (error) {
      await this.end();
      throw error;
    } finally {
      stopping.removeEventListener("abort", giveUp);
    }
  }

  /** Stops the lanes; false if the thread has ended, too. */
  async stop(): Promise<boolean> {
    this.tell({ kind: "stop" });
    const hasStopped = await this.within(stopMsMax, this.run.stopped.promise, "stopped");
    if (hasStopped && this.isAlive) return true;
    await this.end();
    return false;
  }

  async end(): Promise<void> {
    this.isEnding = true;
    this.worker.terminate();
    await this.within(endMsMax, this.closed.promise, "ended");
  }

  /** Resolves with a promise, or, with false, when the time is over. */
  private async within(waitMs: number, done: Promise<void>, state: string): Promise<boolean> {
    const { timers, log } = this.run.parts;
    const over = Promise.withResolvers<false>();
    const cancel = timers.after(waitMs, () => {
      log.error(`the thread of webhooks has not ${state} within ${waitMs} ms, and is left behind`);
      over.resolve(false);
    });
    const isDone = await Promise.race([done.then(() => true), over.promise]);
    cancel();
    return isDone;
  }

  private tell(message: ToLaneThread): void {
    this.worker.postMessage(message);
  }

  private take(message: FromLaneThread): void {
    const { started, stopped, parts } = this.run;
    const { log, bug, counts } = parts;
    switch (message.kind) {
      case "call":
        void this.answer(message);
        return;
      case "started":
        started.resolve();
        return;
      case "unavailable":
        started.reject(new StoreUnavailable(message.sentence));
        return;
      case "counted":
        counts.delivered += message.counts.delivered;
        counts.failedAttempts += message.counts.failedAttempts;
        counts.dead += message.counts.dead;
        return;
      case "log":
        log[message.level](message.sentence, message.fields);
        return;
      case "bug":
        bug(new Error(`a bug in the thread of webhooks: ${message.stack}`));
        return;
      case "stopped":
        stopped.resolve();
    }
  }

  private async answer({ call, name, words }: Extract<FromLaneThread, { kind: "call" }>): Promise<void> {
    try {
      const value: unknown = await Reflect.apply(this.run.calls[name], undefined, words);
      if (!this.isEnding) this.tell({ kind: "answer", call, value });
    } catch (error) {
      const isUnavailable = error instanceof StoreUnavailable;
      const sentence = isUnavailable || !(error instanceof Error) ? reasonOf(error) : (error.stack ?? error.message);
      if (!this.isEnding) this.tell({ kind: "failed", call, sentence, isUnavailable });
    }
  }

  /** The thread is gone: others are started in its place. */
  private die(reason: string): void {
    if (this.isEnding) return;
    this.isEnding = true;
    const { parts, started, stopped } = this.run;
    parts.bug(new Error(`the thread of webhooks died: ${reason}`));
    this.worker.terminate();
    started.reject(new StoreUnavailable("the thread of webhooks died"));
    stopped.resolve();
    parts.failed();
  }
}
