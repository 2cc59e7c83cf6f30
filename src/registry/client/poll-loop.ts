// One long poll for all subscriptions of a client, and for the nodes of the registry itself. At most one request and
// one pause exist at a time. A list that is known stays until a node says otherwise; timestamps belong to the node that
// gave them: they start from 0 at another node, after a failure, and for a service that the node does not know.

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

/** A node holds a poll for 30 s; what takes longer than this many milliseconds has failed. */
export const pollMsMax = 40_000;
/** Between two failures, on average, in milliseconds; the first moves on at once. */
const failurePauseMs = 1_000;
/** More answers than this within `stillWindowMs` that change nothing are followed by a pause as long. */
export const stillAnswersMax = 5;
export const stillWindowMs = 1_000;
/**
 * A service that a node does not know, while the client knows instances, may only wait to register again there: the
 * list is given up when the same node still says so this much later, in milliseconds: the time after which a registry
 * drops who does not renew.
 */
export const absenceMs = 90_000;

export type OnInstances = (instances: readonly Instance[]) => void;

/** A service in the poll. Replaced, never reused, when a subscription ends and another begins. */
interface Watched {
  readonly service: string;
  readonly onChange: OnInstances;
  /** Undefined until a node gave a list. */
  instances: readonly Instance[] | undefined;
  timestamp: bigint;
  /** Defined while the node does not know it although the client does. */
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
  /** A node answers after a failure: it may know nothing of what was registered before. */
  readonly answersAgain?: () => void;
  /** Hears of the UP instances of the registry itself. */
  readonly learn: (instances: readonly Instance[]) => void;
}

export class PollLoop {
  private readonly options: PollOptions;
  private readonly rotation: NodeRotation;
  /** The node whose timestamps these are; '' for none: after a failure it may have restarted and count anew. */
  private polledNode = "";
  private readonly registry: Watched;
  private readonly watched = new Map<string, Watched>();
  private readonly stopped = new AbortController();
  private request = new AbortController();
  private running: Promise<void> | undefined;
  /** How often what is to be asked has changed, and how much of that is in the request under way. */
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

  /** Begins to poll; further calls do nothing. */
  start(): void {
    if (!this.stopped.signal.aborted) this.running ??= this.run();
  }

  /** The list of a subscribed service, or undefined while it is unknown. */
  list(service: string): readonly Instance[] | undefined {
    return this.watched.get(service)?.instances;
  }

  /** True while nodes fail and none has answered since. */
  get isFailing(): boolean {
    return this.failures > 0;
  }

  isSubscribed(service: string): boolean {
    return this.watched.has(service);
  }

  /**
   * The service must not be subscribed. `onChange` is never called before this returns, and not after `unsubscribe`.
   */
  subscribe(service: string, onChange: OnInstances): void {
    this.watched.set(service, watched(service, onChange));
    // The registry's own nodes are polled anyway; from 0 they are answered again.
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

  /** The next poll goes to another node. */
  rotate(): void {
    this.rotation.rotate();
  }

  /** Ends the request and everything else; resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.request.abort();
    this.cancelStillWindow();
    for (const entry of this.watched.values()) forgetAbsence(entry);
    this.watched.clear();
    await this.running;
  }

  /** Something else is to be asked: the request under way ends, once for all changes of this turn. */
  private restart(): void {
    this.wants++;
    queueMicrotask(() => {
      if (this.asked !== this.wants) this.request.abort();
    });
  }

  private async run(): Promise<void> {
    const { after, random } = this.options;
    // What is subscribed in this turn goes into the first poll.
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
    // A client that takes an empty list is answered at once when a service loses its last instance.
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
    // One warning for a time without the registry, however often it is tried.
    const fields = { node: failure.node, error: failure.message };
    if (this.failures === 0) log.warn("a registry node failed a poll", fields);
    else log.debug("a registry node failed a poll", fields);
    this.rotation.fail();
    this.polledNode = "";
  }

  /** Takes over an answer; true when a list is another now. Throws MalformedJson, or NodeFailure for a refusal. */
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
        // The node restarted between two polls, and nothing failed: it counts from the start and may never reach this
        // timestamp.
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

  /** Remembers a list and tells whoever subscribed when it differs; returns whether it does. */
  private show(entry: Watched, instances: readonly Instance[]): boolean {
    const isSame = entry.instances !== undefined && sameInstances(entry.instances, instances);
    entry.instances = instances;
    if (isSame) return false;
    // In a task of its own: what a subscriber throws is its author's bug and disturbs no other.
    queueMicrotask(() => {
      const isLive = entry === this.registry || this.watched.get(entry.service) === entry;
      if (isLive && !this.stopped.signal.aborted) entry.onChange(instances);
    });
    return true;
  }

  /** A node said that it does not know the service: true when that has lasted long enough to believe it. */
  private isGone(entry: Watched): boolean {
    if ((entry.instances?.length ?? 0) === 0) return false;
    if (entry.absence === undefined) {
      const absence = {
        isOver: false,
        cancel: this.options.after(absenceMs, () => {
          absence.isOver = true;
          // The registry's own list is there on every node: asked for from 0 it is answered at once, and says what is
          // unknown.
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

  /** Counts an answer that changed nothing; true when there were too many of them lately. */
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
