// Keeps one instance registered: it registers, renews, and registers again if the registry has forgotten the instance
// or the instance has changed. One request at a time; the last change wins. After a failure it moves to another node,
// with back-off; a refusal is the registry's decision and is not retried elsewhere.

import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { InstanceStatus } from "../instance.ts";
import type { Registered, Registration } from "./naming.ts";
import { Code } from "../codes.ts";
import { type Call, type NodeClient, NodeFailure, requestMsMax } from "./node-client.ts";
import { type NodeList, NodeRotation } from "./node-rotation.ts";
import type { Answer } from "./parse-instances.ts";
import { type After, pause } from "./pause.ts";

/** A third of a lease, in milliseconds. */
export const renewIntervalMs = 30_000;
/** The pauses after failures, in milliseconds: doubled from the first to the second, with jitter down to half. */
const retryFirstMs = 250;
export const retryMsMax = 5_000;
/** Cancelling tries this many nodes, for this many milliseconds each. */
const cancelNodesMax = 2;
export const cancelMsMax = 2_000;

/** Bad parameters, a missing or wrong key, a conflict, an exceeded limit. Another node would answer the same. */
const refusals: ReadonlySet<number> = new Set([-400, -401, -403, -409, -509]);

/** The registry refused the registration; the message is its sentence. */
export class RegistrationRefused extends Error {
  override readonly name = "RegistrationRefused";
  readonly code: number;

  constructor(code: number, sentence: string) {
    super(sentence === "" ? `the registry refuses the registration (${code})` : sentence);
    this.code = code;
  }
}

interface RegistrationOptions {
  readonly client: NodeClient;
  readonly nodes: NodeList;
  readonly env: string;
  readonly zone: string;
  readonly region: string;
  readonly after: After;
  readonly random: Random;
  readonly log: Log;
}

/** A caller that waits until a node has accepted its change. */
interface Waiter {
  readonly said: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class RegistrationLoop implements Registered {
  private readonly options: RegistrationOptions;
  private readonly registration: Registration;
  private readonly rotation: NodeRotation;
  private status: InstanceStatus;
  private metadata: ReadonlyMap<string, string>;
  /** Counts changes, and the last one that a node has accepted (0: none). */
  private said = 1;
  private taken = 0;
  /** A node holds the instance, in its current or a former state. */
  private isHeld = false;
  /** The current state was refused; it is sent again after the next interval. */
  private isRefused = false;
  private failures = 0;
  private waiters: Waiter[] = [];
  private running: Promise<void> = Promise.resolve();
  private ending: Promise<void> | undefined;
  /** Why the loop has ended. */
  private over: Error | undefined;
  private readonly ended = new AbortController();
  private readonly request = new AbortController();
  private interval = new AbortController();

  constructor(registration: Registration, options: RegistrationOptions) {
    this.registration = registration;
    this.options = options;
    this.rotation = new NodeRotation(options.nodes);
    this.status = registration.status;
    this.metadata = registration.metadata;
  }

  /**
   * Registers, and keeps the registration. Resolves when a node has accepted it. Rejects with RegistrationRefused if
   * the first answer refuses it, or with an Error after `deregister`. Call it once.
   */
  start(): Promise<void> {
    const taken = this.wait();
    this.running = this.run();
    return taken;
  }

  update(change: { readonly status?: InstanceStatus; readonly metadata?: ReadonlyMap<string, string> }): Promise<void> {
    if (this.over !== undefined) return Promise.reject(this.over);
    this.status = change.status ?? this.status;
    this.metadata = change.metadata ?? this.metadata;
    this.said++;
    this.isRefused = false;
    const taken = this.wait();
    this.interval.abort();
    return taken;
  }

  deregister(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  /** Renews at once: the registry may have forgotten this instance. */
  renewNow(): void {
    this.interval.abort();
  }

  /** Sends the next call to another node. */
  rotate(): void {
    this.rotation.rotate();
  }

  private wait(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.waiters.push({ said: this.said, resolve, reject });
    return promise;
  }

  private async run(): Promise<void> {
    const { after } = this.options;
    while (this.over === undefined) {
      this.interval = new AbortController();
      const pauseMs = await this.step();
      const isBackOff = this.failures > 0;
      if (this.over !== undefined || pauseMs === 0) continue;
      // A change cuts an interval short, but not a back-off: failing nodes are not asked more often.
      const cut = isBackOff ? this.ended.signal : this.interval.signal;
      await pause(after, pauseMs, cut);
      if (!isBackOff) this.isRefused = false;
    }
  }

  /** Makes one call; returns the milliseconds until the next one. */
  private async step(): Promise<number> {
    const registers = !this.isHeld || (this.taken !== this.said && !this.isRefused);
    const { said } = this;
    const node = this.rotation.current;
    let answer: Answer;
    try {
      answer = await this.options.client.ask(
        node,
        registers ? this.registerCall() : this.identityCall("renew", requestMsMax),
        this.request.signal,
      );
      if (!isUnderstood(answer.code)) throw new NodeFailure(node, `code ${answer.code} ${answer.message}`);
    } catch (error) {
      if (!(error instanceof NodeFailure)) throw error;
      return this.fail(error);
    }
    this.failures = 0;
    this.rotation.succeed();
    if (answer.code === Code.Ok) return registers ? this.take(said) : renewIntervalMs;
    if (answer.code === Code.NotFound && !registers) {
      this.say("info", "the registry has forgotten this instance: it registers again", { node });
      this.isHeld = false;
      return 0;
    }
    return this.refuse(said, new RegistrationRefused(answer.code, answer.message), registers);
  }

  private take(said: number): number {
    this.isHeld = true;
    this.taken = said;
    this.settle(said, ({ resolve }) => resolve());
    return said === this.said ? renewIntervalMs : 0;
  }

  private refuse(said: number, refusal: RegistrationRefused, registers: boolean): number {
    if (this.taken === 0) {
      this.over = refusal;
      this.settle(this.said, ({ reject }) => reject(refusal));
      return 0;
    }
    this.say("warn", `the registry refuses to ${registers ? "register" : "renew"} this instance`, {
      code: refusal.code,
      error: refusal.message,
    });
    if (!registers) return renewIntervalMs;
    this.settle(said, ({ reject }) => reject(refusal));
    if (said !== this.said) return 0;
    this.isRefused = true;
    // The former registration must not expire meanwhile.
    return this.isHeld ? 0 : renewIntervalMs;
  }

  private fail(failure: NodeFailure): number {
    this.rotation.fail();
    const fields = { node: failure.node, error: failure.message };
    this.say(this.failures === 0 ? "warn" : "debug", "a registry node failed a registration", fields);
    const boundMs = Math.min(retryMsMax, retryFirstMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return boundMs * (0.5 + this.options.random.uint32() / 2 ** 33);
  }

  private settle(said: number, how: (waiter: Waiter) => void): void {
    const due = this.waiters.filter((waiter) => waiter.said <= said);
    this.waiters = this.waiters.filter((waiter) => waiter.said > said);
    due.forEach(how);
  }

  private async end(): Promise<void> {
    const wasRefused = this.over !== undefined;
    const over = (this.over ??= new Error(`${this.registration.service} ${this.registration.id} is deregistered`));
    this.settle(this.said, ({ reject }) => reject(over));
    this.ended.abort();
    this.interval.abort();
    // A registration under way must arrive before the cancellation.
    const cancelLimit = this.options.after(cancelMsMax, () => this.request.abort());
    await this.running;
    cancelLimit();
    if (wasRefused) return;
    const call = this.identityCall("cancel", cancelMsMax);
    const { signal } = new AbortController();
    for (let tries = 0; tries < cancelNodesMax; tries++) {
      const node = this.rotation.current;
      try {
        const { code, message } = await this.options.client.ask(node, call, signal);
        if (code === Code.Ok || code === Code.NotFound) return;
        throw new NodeFailure(node, `code ${code} ${message}`);
      } catch (error) {
        if (!(error instanceof NodeFailure)) throw error;
        this.say("warn", "a registry node failed to deregister an instance", { node, error: error.message });
        this.rotation.fail();
        if (this.rotation.current === node) return;
      }
    }
  }

  private registerCall(): Call {
    const { addrs, version } = this.registration;
    const call = this.identityCall("register", requestMsMax);
    for (const addr of addrs) call.parameters.append("addrs", addr);
    call.parameters.append("version", version);
    call.parameters.append("status", String(this.status));
    call.parameters.append("metadata", JSON.stringify(Object.fromEntries(this.metadata)));
    return call;
  }

  private identityCall(endpoint: string, limitMs: number): Call {
    const { region, zone, env } = this.options;
    const { service: appid, id: hostname } = this.registration;
    return {
      method: "POST",
      endpoint,
      parameters: new URLSearchParams({ region, zone, env, appid, hostname }),
      limitMs,
    };
  }

  private say(level: "debug" | "info" | "warn", sentence: string, fields: Record<string, string | number>): void {
    const { service, id } = this.registration;
    this.options.log[level](sentence, { service, id, ...fields });
  }
}

/** Reports whether a working node gives this answer; any other code is about the node, not the call. */
function isUnderstood(code: number): boolean {
  return code === Code.Ok || code === Code.NotFound || refusals.has(code);
}
