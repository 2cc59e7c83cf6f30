// One long poll for all subscriptions of a client, and for the registry's own nodes. At most one request and one pause
// exist at a time. A known list remains until a node reports another one. Timestamps are the node's own: they start
// from 0 at another node, after a failure, and for a service that the node does not know.

import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { discoveryAppid, type Instance } from "../instance.ts";
import { Code } from "../codes.ts";
import { type NodeClient, NodeFailure } from "./node-client.ts";
import { type NodeList, NodeRotation } from "./node-rotation.ts";
import { type Answer, parseServices, parseUnknown } from "./parse-instances.ts";
import type { Cancel } from "../../base/timers.ts";
import { type After, pause } from "./pause.ts";
import { sameInstances } from "./same-instances.ts";
import { scheduled } from "./scheduler.ts";

/** The time limit of a poll, which a node holds for 30 s. */
export const pollMsMax = 40_000;
/** The average pause between two failures, in milliseconds; the first one has none. */
const failurePauseMs = 1_000;
/** After more answers than this without a change within `stillWindowMs`, it pauses for that time. */
export const stillAnswersMax = 5;
export const stillWindowMs = 1_000;
/**
 * How long a node must report a known service as unknown before its list is dropped, in milliseconds: its instances may
 * only have to register again there, and a registry drops instances that do not renew for as long.
 */
export const absenceMs = 90_000;

export type OnInstances = (instances: readonly Instance[]) => void;

/** A service in the poll. Replaced, never reused, when a subscription ends and another begins. */
interface Watched {
  readonly service: string;
  readonly onChange: OnInstances;
  /** Undefined until a node has sent a list. */
  instances: readonly Instance[] | undefined;
  timestamp: bigint;
  /** Set while the node does not know the service although the client does. */
  absence: { isOver: boolean; readonly cancel: Cancel } | undefined;
}

interface PollOptions {
  readonly client: NodeClient;
  readonly nodes: NodeList;
  readonly env: string;
  readonly zone: string;
  readonly hostname: string;
  readonly after: After;
  readonly random: Random;
  readonly log: Log;
  /** Called when a node answers after a failure: it may have lost registrations. */
  readonly answersAgain?: () => void;
  /** Receives the UP instances of the registry itself. */
  readonly learn: (instances: readonly Instance[]) => void;
}

export class PollLoop {
  private readonly options: PollOptions;
  private readonly rotation: NodeRotation;
  /** The node of the timestamps; '' after a failure, because it may have restarted and count anew. */
  private polledNode = "";
  private readonly registry: Watched;
  private readonly watched = new Map<string, Watched>();
  private readonly stopped = new AbortController();
  private request = new AbortController();
  private running: Promise<void> | undefined;
  /** Counts changes of what to ask, and how many of them the current request includes. */
  private wants = 0;
  private asked = 0;
  private failures = 0;
  private stillAnswers = 0;
  private cancelStillWindow: Cancel = () => undefined;

  constructor(options: PollOptions) {
    this.options = options;
    this.rotation = new NodeRotation(options.nodes);
    this.registry = watched(discoveryAppid, options.learn);
  }

  /** Starts polling; further calls do nothing. */
  start(): void {
    if (!this.stopped.signal.aborted) this.running ??= this.run();
  }

  /** Returns the list of a subscribed service, or undefined while it is unknown. */
  list(service: string): readonly Instance[] | undefined {
    return this.watched.get(service)?.instances;
  }

  /** True after a failure, until a node answers. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  isSubscribed(service: string): boolean {
    return this.watched.has(service);
  }

  /** The service must not be subscribed. Never calls `onChange` before this returns, or after `unsubscribe`. */
  subscribe(service: string, onChange: OnInstances): void {
    this.watched.set(service, watched(service, onChange));
    // The registry's own nodes are polled anyway; timestamp 0 requests them again.
    if (service === discoveryAppid) this.registry.timestamp = 0n;
    this.restart();
    this.start();
  }

  unsubscribe(service: string): void {
    const entry = this.watched.get(service);
    if (entry === undefined) return;
    this.watched.delete(service);
    forgetAbsence(entry);
    this.restart();
  }

  /** Sends the next poll to another node. */
  rotate(): void {
    this.rotation.rotate();
  }

  /** Ends the request and all else; resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.request.abort();
    this.cancelStillWindow();
    for (const entry of this.watched.values()) forgetAbsence(entry);
    this.watched.clear();
    await this.running;
  }

  /** Ends the current request, once for all changes of this turn, because what to ask has changed. */
  private restart(): void {
    this.wants++;
    queueMicrotask(() => {
      if (this.asked !== this.wants) this.request.abort();
    });
  }

  private async run(): Promise<void> {
    const { after, random } = this.options;
    // The first poll includes all subscriptions of this turn.
    await Promise.resolve();
    while (!this.stopped.signal.aborted) {
      const progress = await this.poll();
      let pauseMs = 0;
      if (progress === "failed") {
        this.failures++;
        if (this.failures > 1) pauseMs = failurePauseMs * (0.5 + random.uint32() / 2 ** 32);
      } else if (progress !== "restarted") {
        if (this.failures > 0) {
          this.failures = 0;
          this.options.log.info("the registry answers again", { node: this.polledNode });
          this.options.answersAgain?.();
        }
      }
      if ((progress === "failed" || progress === "still") && this.noteStill()) {
        pauseMs = Math.max(pauseMs, stillWindowMs);
      }
      if (pauseMs > 0) await pause(after, pauseMs, this.stopped.signal);
    }
  }

  private async poll(): Promise<"changed" | "still" | "failed" | "restarted"> {
    const { client, env, hostname } = this.options;
    const node = this.rotation.current;
    if (node !== this.polledNode) this.changeNode(node);
    const asked = [this.registry, ...[...this.watched.values()].filter(({ service }) => service !== discoveryAppid)];
    // A client that accepts an empty list is answered at once when a service loses its last instance.
    const parameters = new URLSearchParams({ env, hostname, accept_empty: "true" });
    for (const { service, timestamp } of asked) {
      parameters.append("appid", service);
      parameters.append("latest_timestamp", String(timestamp));
    }
    this.asked = this.wants;
    this.request = new AbortController();
    const { signal } = this.request;
    try {
      const call = { method: "GET", endpoint: "polls", parameters, limitMs: pollMsMax } as const;
      const answer = await client.ask(node, call, signal);
      const hasChanged = this.take(node, answer);
      this.rotation.succeed();
      return hasChanged ? "changed" : "still";
    } catch (error) {
      if (signal.aborted) return "restarted";
      const failure = error instanceof NodeFailure ? error : new NodeFailure(node, String(error), { cause: error });
      this.fail(failure);
      return "failed";
    }
  }

  private changeNode(node: string): void {
    this.polledNode = node;
    for (const entry of [this.registry, ...this.watched.values()]) {
      entry.timestamp = 0n;
      forgetAbsence(entry);
    }
  }

  private fail(failure: NodeFailure): void {
    const { log } = this.options;
    // One warning per outage, however many attempts it has.
    const fields = { node: failure.node, error: failure.message };
    if (this.failures === 0) log.warn("a registry node failed a poll", fields);
    else log.debug("a registry node failed a poll", fields);
    this.rotation.fail();
    this.polledNode = "";
  }

  /** Applies an answer; returns true if a list has changed. Throws MalformedJson, or NodeFailure for a refusal. */
  private take(node: string, answer: Answer): boolean {
    if (answer.code === Code.NotModified) return false;
    if (answer.code !== Code.Ok) throw new NodeFailure(node, `code ${answer.code} ${answer.message}`);
    const services = parseServices(answer.data);
    const unknown = parseUnknown(answer.error);
    let hasChanged = false;
    for (const entry of [this.registry, ...this.watched.values()]) {
      const list = services.get(entry.service);
      if (list === undefined) {
        if (!unknown.has(entry.service)) continue;
        // The node restarted unnoticed: it counts from the start and may never reach this timestamp.
        entry.timestamp = 0n;
        if (this.isGone(entry)) hasChanged = this.show(entry, []) || hasChanged;
        continue;
      }
      forgetAbsence(entry);
      entry.timestamp = list.latestTimestamp;
      hasChanged = this.show(entry, scheduled(list, this.options.zone)) || hasChanged;
    }
    return hasChanged;
  }

  /** Stores a list and reports it to its subscriber; returns whether it differs. */
  private show(entry: Watched, instances: readonly Instance[]): boolean {
    const isSame = entry.instances !== undefined && sameInstances(entry.instances, instances);
    entry.instances = instances;
    if (isSame) return false;
    // In its own microtask: an exception of a subscriber affects no other.
    queueMicrotask(() => {
      const isLive = entry === this.registry || this.watched.get(entry.service) === entry;
      if (isLive && !this.stopped.signal.aborted) entry.onChange(instances);
    });
    return true;
  }

  /** Reports whether a node has not known a service for long enough to believe it. */
  private isGone(entry: Watched): boolean {
    if ((entry.instances?.length ?? 0) === 0) return false;
    if (entry.absence === undefined) {
      const absence = {
        isOver: false,
        cancel: this.options.after(absenceMs, () => {
          absence.isOver = true;
          // Every node has the registry's own list: asked for from 0 it answers at once, with the unknown services.
          this.registry.timestamp = 0n;
          this.restart();
        }),
      };
      entry.absence = absence;
    }
    if (!entry.absence.isOver) return false;
    forgetAbsence(entry);
    return true;
  }

  /** Counts an answer without changes; returns true if there were too many lately. */
  private noteStill(): boolean {
    if (this.stillAnswers === 0 && !this.stopped.signal.aborted) {
      this.cancelStillWindow = this.options.after(stillWindowMs, () => {
        this.stillAnswers = 0;
      });
    }
    this.stillAnswers++;
    return this.stillAnswers > stillAnswersMax;
  }
}

function watched(service: string, onChange: OnInstances): Watched {
  return { service, onChange, instances: undefined, timestamp: 0n, absence: undefined };
}

function forgetAbsence(entry: Watched): void {
  entry.absence?.cancel();
  entry.absence = undefined;
}
