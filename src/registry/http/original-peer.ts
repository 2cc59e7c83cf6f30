// Replication with nodes of the original implementation, bilibili/discovery. It has no batches, digests or tombstones:
// each state and each renewal is a request of its own, in the form that its nodes use among themselves, and one answer
// lists everything.
//
// A comparison does not push states that an original node lacks. It keeps no tombstones, so it may lack what it was
// told to drop; and registering renews there, so that two nodes would keep a dead instance alive for each other. It
// asks for what it should have after the next renewal.

import type { Clock } from "../../base/clock.ts";
import { leaseMs, registryAnswerBytesMax, registryPeerBodyBytesMax, tombstoneMs } from "../../base/limits/fixed.ts";
import { boundedText } from "../client/bounded-text.ts";
import { type Answer, parseAnswer, parseListing, parseRenewed } from "../client/parse-instances.ts";
import type { EntryState } from "../table/entry.ts";
import type { Identity, Instance } from "../instance.ts";
import type {
  Compare,
  Compared,
  NodeInfo,
  PeerFailure,
  Renewal,
  Replicate,
  Replicated,
} from "../replication/peer-messages.ts";
import type { SendToNode } from "../client/node-request.ts";
import { Code } from "../codes.ts";
import { renewedAfterMs } from "../table/table.ts";
import type { TokenChoice } from "../client/token-choice.ts";
import { failure, failureOf, unlessMalformed } from "./peer-failure.ts";
import { ClockLags } from "./clock-lags.ts";

/** Concurrent requests of one message. */
const requestsMax = 8;
/** The shortest interval of reading a node's whole list. */
export const listingMs = 30_000;

/** One request of the original's API. */
interface Call {
  readonly method: "GET" | "POST";
  /** Behind `/discovery/`. */
  readonly endpoint: string;
  readonly parameters: URLSearchParams;
  readonly answerBytesMax: number;
}

/** An answer with its times. */
interface Reply {
  readonly kind: "answered";
  readonly answer: Answer;
  /** By the sender's clock, to a second: milliseconds since 1970; undefined if absent. */
  readonly sentMs: number | undefined;
  /** By this machine's clock: nanoseconds since 1970. */
  readonly askedNs: bigint;
  readonly heardNs: bigint;
}

export class OriginalPeers {
  private readonly parts: {
    readonly clock: Clock;
    readonly tokens: TokenChoice;
    readonly requestMsMax: number;
    readonly lagMsMax: number;
    readonly send: SendToNode;
  };
  /** When a node's list was read, by the monotonic clock; absent after a failure of the node. */
  private readonly listedAtMs = new Map<string, number>();
  private readonly lags: ClockLags;

  /**
   * `tokens` are for proxies in front of a node; the original ignores them. `requestMsMax` limits each request. Lags
   * above `lagMsMax` count as unknown.
   */
  constructor(parts: OriginalPeers["parts"]) {
    this.parts = parts;
    this.lags = new ClockLags(BigInt(Math.round(parts.lagMsMax)) * 1_000_000n);
  }

  /**
   * Returns the largest lag of these nodes' clocks behind this node's versions, which are ahead of its clock by
   * `leadNs`, in nanoseconds; 0 if none is known.
   */
  lagNs(leadNs: bigint): bigint {
    return this.lags.largestNs(this.parts.clock.monotonicMs(), leadNs);
  }

  /** The largest certain lead of these nodes' clocks over this machine's, in nanoseconds; 0 if there is none. */
  get aheadNs(): bigint {
    return this.lags.largestLeadNs(this.parts.clock.monotonicMs());
  }

  /**
   * Sends each state, then each renewal, to the node at `address` (`host:port`). A refusal with a code counts as sent:
   * repeating it would change nothing and must not block the others. Ends at the first request that fails. Never
   * rejects.
   */
  async replicate(address: string, message: Replicate): Promise<Replicated | PeerFailure> {
    const wanted: number[] = [];
    const newer: EntryState[] = [];
    let isStarting = false;
    let failed: PeerFailure | undefined;
    const tell = async (call: Call, hear: (answer: Answer, reply: Reply) => void): Promise<void> => {
      const reply = await this.ask(address, call);
      if (reply.kind === "failed") failed ??= reply;
      else {
        this.readClock(address, reply);
        isStarting ||= reply.answer.code === Code.ServerError;
        failed ??= unlessMalformed(() => {
          hear(reply.answer, reply);
          return undefined;
        });
      }
    };
    const told = (): void => undefined;
    function* work(): Generator<() => Promise<void>> {
      for (const state of message.states) yield () => tell(stateCall(state, message.isSpread), told);
      for (const [index, renewal] of message.renewals.entries()) {
        // It would count from now on there, although the lease has expired here.
        if (renewal.ageMs >= leaseMs) continue;
        yield () =>
          tell(renewalCall(renewal, message.isSpread), (answer, reply) => hearRenewal(answer, index, renewal, reply));
      }
    }
    const hearRenewal = ({ code, data }: Answer, index: number, { dirty }: Renewal, reply: Reply): void => {
      if (code === Code.NotFound) wanted.push(index);
      if ((code !== Code.Conflict && code !== Code.Ok) || data === undefined || data === null) return;
      const { instance, renewTimestamp } = parseRenewed(data);
      // It was renewed just now, which shows the clock most precisely.
      this.readClockAt(address, reply, renewTimestamp, renewTimestamp);
      // To a node of another zone it answers 0, whatever version it has.
      if (instance.dirtyTimestamp < dirty) wanted.push(index);
      if (instance.dirtyTimestamp > dirty) newer.push(stateOf(instance, 0, true));
    };
    const calls = work();
    const tellOn = async (): Promise<void> => {
      for (const call of calls) {
        await call();
        // Leaving the loop ends the generator, and with it the other loops.
        if (failed !== undefined) return;
      }
    };
    await Promise.all(Array.from({ length: requestsMax }, tellOn));
    if (failed === undefined) return { kind: "replicated", node: originalNode(isStarting), wanted, newer };
    // The next comparison must read the list: it detects that the node is back.
    this.listedAtMs.delete(address);
    return failed;
  }

  /**
   * Reads the node's whole list; within `listingMs` of that, reports no differences unless this node is starting. Never
   * reports differing buckets, so that nothing is pushed (see above). Never rejects.
   */
  async compare(address: string, message: Compare): Promise<Compared | PeerFailure> {
    const nowMs = this.parts.clock.monotonicMs();
    for (const [known, atMs] of this.listedAtMs) if (nowMs - atMs >= listingMs) this.listedAtMs.delete(known);
    if (message.digest !== "" && this.listedAtMs.has(address)) return compared([], false);
    const parameters = new URLSearchParams();
    const call = { method: "GET", endpoint: "fetch/all", parameters, answerBytesMax: registryAnswerBytesMax } as const;
    const reply = await this.ask(address, call);
    if (reply.kind === "failed") {
      this.listedAtMs.delete(address);
      return reply;
    }
    this.readClock(address, reply);
    const { answer, sentMs = this.parts.clock.wallMs() } = reply;
    if (answer.code === Code.ServerError) return compared([], true);
    if (answer.code !== Code.Ok) return failure("garbage", `its list fails with code ${answer.code} ${answer.message}`);
    const states = unlessMalformed(() =>
      parseListing(answer.data).map(({ instance, renewTimestamp }) => {
        const ageMs = sentMs - Number(renewTimestamp / 1_000_000n);
        const hasRenewed = renewTimestamp - instance.regTimestamp > BigInt(renewedAfterMs) * 1_000_000n;
        return stateOf(instance, Math.min(Math.max(0, ageMs), tombstoneMs), hasRenewed);
      }),
    );
    if ("kind" in states) return states;
    this.listedAtMs.set(address, nowMs);
    return compared(states, false);
  }

  /** Reads the other node's clock from an answer's head, which has a resolution of a second. */
  private readClock(address: string, reply: Reply): void {
    if (reply.sentMs === undefined) return;
    const fromNs = BigInt(reply.sentMs) * 1_000_000n;
    this.readClockAt(address, reply, fromNs, fromNs + 999_999_999n);
  }

  private readClockAt(address: string, reply: Reply, fromNs: bigint, toNs: bigint): void {
    const { askedNs, heardNs } = reply;
    this.lags.heard(address, { fromNs, toNs, askedNs, heardNs }, this.parts.clock.monotonicMs());
  }

  private ask(address: string, call: Call): Promise<Reply | PeerFailure> {
    const signal = AbortSignal.timeout(this.parts.requestMsMax);
    return this.parts.tokens.ask(
      address,
      (shown) => this.request(address, call, shown, signal),
      (reply) => reply.kind === "failed" && reply.reason === "refused",
    );
  }

  private async request(
    address: string,
    call: Call,
    shown: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Reply | PeerFailure> {
    const { method, endpoint, parameters } = call;
    let response: Response;
    let text: string;
    let heardNs = 0n;
    const askedNs = this.parts.clock.wallNs();
    try {
      const headers = { ...shown, "x1-bmspy-timeout": String(this.parts.requestMsMax) };
      response = await this.parts.send(`http://${address}/discovery/${endpoint}`, {
        method,
        headers,
        signal,
        ...(method === "POST" ? { body: parameters } : {}),
      });
      heardNs = this.parts.clock.wallNs();
      if (response.status !== 200) {
        await response.body?.cancel();
        const reason = response.status === 401 || response.status === 403 ? "refused" : "garbage";
        return failure(reason, `it answers ${endpoint} with HTTP status ${response.status}`);
      }
      text = await boundedText(response, call.answerBytesMax);
    } catch (error) {
      return failureOf(error, `its answer to ${endpoint}`);
    }
    const answer = unlessMalformed(() => parseAnswer(text));
    if ("kind" in answer) return answer;
    // Ages refer to the clock that stamped the renewals, to a second.
    const sentMs = Date.parse(response.headers.get("date") ?? "");
    return { kind: "answered", answer, sentMs: Number.isNaN(sentMs) ? undefined : sentMs, askedNs, heardNs };
  }
}

function stateCall({ identity, dirty, instance }: EntryState, isSpread: boolean): Call {
  if (instance === undefined) {
    const call = callOf("cancel", identity, isSpread);
    call.parameters.set("latest_timestamp", String(dirty));
    return call;
  }
  const call = callOf("register", identity, isSpread);
  const { parameters } = call;
  parameters.set("region", instance.region);
  // One key per address: it does not split at commas.
  for (const address of instance.addrs) parameters.append("addrs", address);
  parameters.set("status", String(instance.status));
  parameters.set("version", instance.version);
  parameters.set("metadata", JSON.stringify(Object.fromEntries(instance.metadata)));
  parameters.set("reg_timestamp", String(instance.regTimestamp));
  parameters.set("dirty_timestamp", String(dirty));
  parameters.set("latest_timestamp", String(instance.latestTimestamp));
  return call;
}

function renewalCall({ identity, dirty }: Renewal, isSpread: boolean): Call {
  const call = callOf("renew", identity, isSpread);
  call.parameters.set("dirty_timestamp", String(dirty));
  return call;
}

/** Returns a write, which a node of another zone (`isSpread`) forwards in its zone, and a node of this one does not. */
function callOf(endpoint: string, { zone, env, appid, hostname }: Identity, isSpread: boolean): Call {
  const replication = String(!isSpread);
  const parameters = new URLSearchParams({ zone, env, appid, hostname, replication, from_zone: "true" });
  return { method: "POST", endpoint, parameters, answerBytesMax: registryPeerBodyBytesMax };
}

/** The original has no bounds: the table decides what it accepts. */
function stateOf(instance: Instance, ageMs: number, hasRenewed: boolean): EntryState {
  const { env, appid, zone, hostname, dirtyTimestamp } = instance;
  const identity = { env, appid, zone, hostname };
  return { identity, dirty: dirtyTimestamp, instance, ageMs, isProbed: false, hasRenewed };
}

/** Describes a node that sends no description. */
function originalNode(isStarting: boolean): NodeInfo {
  return { incarnation: "", address: "", zone: "", clock: 0n, isStarting };
}

function compared(states: readonly EntryState[], isStarting: boolean): Compared {
  return { kind: "compared", node: originalNode(isStarting), differing: [], states, nextBucket: undefined };
}
