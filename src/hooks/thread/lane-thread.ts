// Lanes in a thread of their own, as the thread that starts them sees it: it answers what they ask of the store and of
// the sessions, and what it passes on to them it does not read.

import type { Endpoint } from "../../store/hooks.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { startThread } from "../../base/start-thread.ts";
import type { RunningLanes, StartLanes } from "../lanes.ts";
import { graceMs } from "../pace.ts";
import type { FromLaneThread, LaneCalls, LaneNetwork, ToLaneThread } from "./messages.ts";

type Parts = Parameters<StartLanes>[0];

/**
 * A thread that was told to stop lets a request end (`graceMs`) and saves what came of it; one that was ended is gone
 * at once. The process waits no longer for one that hangs, or whose store does: what it has not saved is told again.
 */
export const stopMsMax = graceMs + 3_000;
export const endMsMax = 1_500;

/** Lanes in a thread of their own, whose requests lead where `network` says. */
export function lanesInThread(network: LaneNetwork): StartLanes {
  return (parts, endpoints) => LaneThread.start(parts, endpoints, network);
}

class LaneThread implements RunningLanes {
  private readonly parts: Parts;
  private readonly worker: Worker;
  private readonly calls: LaneCalls;
  private readonly started = Promise.withResolvers<void>();
  private readonly stopped = Promise.withResolvers<void>();
  private readonly closed = Promise.withResolvers<void>();
  private isEnding = false;

  private constructor(parts: Parts) {
    this.parts = parts;
    const { store, save, conversations, sessions } = parts;
    this.calls = {
      ...store.serialized,
      save,
      conversations: (query) => conversations.conversations(query),
      locate: (app, accounts) => sessions.locate(app, accounts),
      file: () => store.file(),
    };
    this.worker = startThread("hooks/thread/lane-worker.ts", new URL("./lane-worker.ts", import.meta.url));
    this.worker.onmessage = ({ data }: MessageEvent<FromLaneThread>) => this.take(data);
    this.worker.onerror = ({ message }) => this.die(message);
    this.worker.addEventListener("close", () => {
      this.die("it ended");
      this.closed.resolve();
    });
  }

  /** Rejects with StoreUnavailable, also if the node has stopped before the thread has answered. */
  static async start(parts: Parts, endpoints: readonly Endpoint[], network: LaneNetwork): Promise<LaneThread> {
    const thread = new LaneThread(parts);
    thread.tell({ kind: "start", endpoints, pace: parts.pace, network: { ...network, proxy: network.proxy?.href } });
    const { stopping } = parts;
    const giveUp = (): void => thread.started.reject(new StoreUnavailable("webhooks stop before their thread starts"));
    stopping.addEventListener("abort", giveUp, { once: true });
    if (stopping.aborted) giveUp();
    try {
      await thread.started.promise;
    } catch (error) {
      await thread.end();
      throw error;
    } finally {
      stopping.removeEventListener("abort", giveUp);
    }
    return thread;
  }

  async stop(): Promise<void> {
    this.tell({ kind: "stop" });
    await this.within(stopMsMax, this.stopped.promise, "stopped");
    await this.end();
  }

  private async end(): Promise<void> {
    this.isEnding = true;
    this.worker.terminate();
    await this.within(endMsMax, this.closed.promise, "ended");
  }

  /** Resolves with a promise, or when the time is over. */
  private async within(waitMs: number, done: Promise<void>, state: string): Promise<void> {
    const over = Promise.withResolvers<void>();
    const cancel = this.parts.timers.after(waitMs, () => {
      this.parts.log.error(`the thread of webhooks has not ${state} within ${waitMs} ms, and is left behind`);
      over.resolve();
    });
    await Promise.race([done, over.promise]);
    cancel();
  }

  private tell(message: ToLaneThread): void {
    this.worker.postMessage(message);
  }

  private take(message: FromLaneThread): void {
    const { log, bug, counts } = this.parts;
    switch (message.kind) {
      case "call":
        void this.answer(message);
        return;
      case "started":
        this.started.resolve();
        return;
      case "unavailable":
        this.started.reject(new StoreUnavailable(message.sentence));
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
        this.stopped.resolve();
    }
  }

  private async answer({ call, name, words }: Extract<FromLaneThread, { kind: "call" }>): Promise<void> {
    try {
      const value: unknown = await Reflect.apply(this.calls[name], undefined, words);
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
    this.parts.bug(new Error(`the thread of webhooks died: ${reason}`));
    this.worker.terminate();
    this.started.reject(new StoreUnavailable("the thread of webhooks died"));
    this.stopped.resolve();
    this.parts.failed();
  }
}
