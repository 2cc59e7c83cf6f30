// Replication with nodes of the original implementation, bilibili/discovery. It knows no batches, no digests and no
// tombstones: each state and each renewal is a request of its own, in the form in which its own nodes tell each other,
// and everything that it lists comes in one answer.
//
// What it lacks is not pushed at it after a comparison. It remembers no cancellation, so what it lacks may be what it
// was told to drop; and to register is to renew there, so that two nodes would keep a dead instance alive for each
// other. What it lacks and should have it asks for itself, when it is told of the next renewal.

import { MalformedJson } from "../../base/json-fields.ts";
import type { Clock } from "../../base/clock.ts";
import { leaseMs, registryAnswerBytesMax, registryPeerBodyBytesMax, tombstoneMs } from "../../base/limits/fixed.ts";
import { boundedText, TooLong } from "../client/bounded-text.ts";
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
import { sendToNode } from "../client/node-request.ts";
import { Code } from "../codes.ts";
import { renewedAfterMs } from "../table/table.ts";
import type { TokenChoice } from "../client/token-choice.ts";
import { ClockLags } from "./clock-lags.ts";

/** Requests of one message that are under way at a time. */
const requestsMax = 8;
/** Everything that a node lists is asked for this often at most. */
export const listingMs = 30_000;

/** One request of the original's API. */
interface Call {
  readonly method: "GET" | "POST";
  /** Behind `/discovery/`. */
  readonly endpoint: string;
  readonly parameters: URLSearchParams;
  readonly answerBytesMax: number;
}

/** An answer, and when it was asked for, sent and heard. */
interface Reply {
  readonly kind: "answered";
  readonly answer: Answer;
  /** By the clock of who sent it, to a second: milliseconds since 1970; undefined when it does not say. */
  readonly sentMs: number | undefined;
  /** By this machine's clock: nanoseconds since 1970. */
  readonly askedNs: bigint;
  readonly heardNs: bigint;
}

export class OriginalPeers {
  private readonly clock: Clock;
  private readonly requestMsMax: number;
  private readonly tokens: TokenChoice;
  /** When a node's listing was read, by the monotonic clock; absent once the node has failed at anything. */
  private readonly listedAtMs = new Map<string, number>();
  private readonly lags: ClockLags;

  /**
   * `tokens`: the original does not look at them, what stands in front of it may. `requestMsMax` holds for each
   * request. A clock that is behind by more than `lagMsMax` is not believed.
   */
  constructor(parts: { clock: Clock; tokens: TokenChoice; requestMsMax: number; lagMsMax: number }) {
    this.clock = parts.clock;
    this.requestMsMax = parts.requestMsMax;
    this.tokens = parts.tokens;
    this.lags = new ClockLags(BigInt(Math.round(parts.lagMsMax)) * 1_000_000n);
  }

  /**
   * The most that the clock of any of these nodes is behind this node's versions, which are ahead of its clock by
   * `leadNs`, in nanoseconds; 0: as far as is known, none is.
   */
  lagNs(leadNs: bigint): bigint {
    return this.lags.largestNs(this.clock.monotonicMs(), leadNs);
  }

  /** The most that the clock of any of these nodes is ahead of this machine's for sure, in nanoseconds; 0: none is. */
  get aheadNs(): bigint {
    return this.lags.largestLeadNs(this.clock.monotonicMs());
  }

  /**
   * Tells the node at `address` (`host:port`) each state, then each renewal. What it refuses with a code counts as
   * told: to say it again would change nothing, and must not hold up the others. Ends at the first request that fails.
   * Never rejects.
   */
  async replicate(address: string, message: Replicate): Promise<Replicated | PeerFailure> {
    const wanted: number[] = [];
    const newer: EntryState[] = [];
    let isStarting = false;
    let failure: PeerFailure | undefined;
    const tell = async (call: Call, hear: (answer: Answer, reply: Reply) => void): Promise<void> => {
      const reply = await this.ask(address, call);
      if (reply.kind === "failed") failure ??= reply;
      else {
        this.readClock(address, reply);
        isStarting ||= reply.answer.code === Code.ServerError;
        failure ??= understood(() => hear(reply.answer, reply));
      }
    };
    const told = (): void => undefined;
    function* work(): Generator<() => Promise<void>> {
      for (const state of message.states) yield () => tell(stateCall(state, message.isSpread), told);
      for (const [index, renewal] of message.renewals.entries()) {
        // It would count from now on there, and here the lease has run out.
        if (renewal.ageMs >= leaseMs) continue;
        yield () =>
          tell(renewalCall(renewal, message.isSpread), (answer, reply) => hearRenewal(answer, index, renewal, reply));
      }
    }
    const hearRenewal = ({ code, data }: Answer, index: number, { dirty }: Renewal, reply: Reply): void => {
      if (code === Code.NotFound) wanted.push(index);
      if ((code !== Code.Conflict && code !== Code.Ok) || data === undefined || data === null) return;
      const { instance, renewTimestamp } = parseRenewed(data);
      // It was renewed just now: nothing shows that clock more exactly.
      this.readClockAt(address, reply, renewTimestamp, renewTimestamp);
      // To one from another zone it says 0, whatever version it has.
      if (instance.dirtyTimestamp < dirty) wanted.push(index);
      if (instance.dirtyTimestamp > dirty) newer.push(stateOf(instance, 0, true));
    };
    const calls = work();
    const tellOn = async (): Promise<void> => {
      for (const call of calls) {
        await call();
        // Leaving the loop ends the generator, and with it the other loops.
        if (failure !== undefined) return;
      }
    };
    await Promise.all(Array.from({ length: requestsMax }, tellOn));
    if (failure === undefined) return { kind: "replicated", node: originalNode(isStarting), wanted, newer };
    // The next comparison really asks: it is how a lost node is found again.
    this.listedAtMs.delete(address);
    return failure;
  }

  /**
   * Reads all that the node lists; within `listingMs` after that, for who does not just start, nothing differs. No
   * bucket ever does: what the other one lacks is not pushed at it (see above). Never rejects.
   */
  async compare(address: string, message: Compare): Promise<Compared | PeerFailure> {
    const nowMs = this.clock.monotonicMs();
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
    const { answer, sentMs = this.clock.wallMs() } = reply;
    if (answer.code === Code.ServerError) return compared([], true);
    if (answer.code !== Code.Ok) return failed("garbage", `it lists nothing: code ${answer.code} ${answer.message}`);
    const states: EntryState[] = [];
    const failure = understood(() => {
      for (const { instance, renewTimestamp } of parseListing(answer.data)) {
        const ageMs = sentMs - Number(renewTimestamp / 1_000_000n);
        const hasRenewed = renewTimestamp - instance.regTimestamp > BigInt(renewedAfterMs) * 1_000_000n;
        states.push(stateOf(instance, Math.min(Math.max(0, ageMs), tombstoneMs), hasRenewed));
      }
    });
    if (failure !== undefined) return failure;
    this.listedAtMs.set(address, nowMs);
    return compared(states, false);
  }

  /** Takes in what the head of an answer shows of the other node's clock, which leaves out what is below a second. */
  private readClock(address: string, reply: Reply): void {
    if (reply.sentMs === undefined) return;
    const fromNs = BigInt(reply.sentMs) * 1_000_000n;
    this.readClockAt(address, reply, fromNs, fromNs + 999_999_999n);
  }

  private readClockAt(address: string, reply: Reply, fromNs: bigint, toNs: bigint): void {
    const { askedNs, heardNs } = reply;
    this.lags.heard(address, { fromNs, toNs, askedNs, heardNs }, this.clock.monotonicMs());
  }

  private ask(address: string, call: Call): Promise<Reply | PeerFailure> {
    const signal = AbortSignal.timeout(this.requestMsMax);
    return this.tokens.ask(
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
    const askedNs = this.clock.wallNs();
    try {
      const headers = { ...shown, "x1-bmspy-timeout": String(this.requestMsMax) };
      response = await sendToNode(`http://${address}/discovery/${endpoint}`, {
        ...{ method, headers, signal },
        ...(method === "POST" ? { body: parameters } : {}),
      });
      heardNs = this.clock.wallNs();
      if (response.status !== 200) {
        await response.body?.cancel();
        const reason = response.status === 401 || response.status === 403 ? "refused" : "garbage";
        return failed(reason, `it answers ${endpoint} with HTTP status ${response.status}`);
      }
      text = await boundedText(response, call.answerBytesMax);
    } catch (error) {
      if (error instanceof TooLong) return failed("garbage", `its answer to ${endpoint} is ${error.message}`);
      if (isNoText(error)) return failed("garbage", `its answer to ${endpoint} is not UTF-8`);
      return failed("unreachable", error instanceof Error ? error.message : String(error));
    }
    let answer: Answer | undefined;
    const failure = understood(() => {
      answer = parseAnswer(text);
    });
    if (answer === undefined) return failure ?? failed("garbage", `its answer to ${endpoint} is none`);
    // Ages are measured by the clock that the renewals were stamped with, to a second.
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
  // A key for each: it splits no commas.
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

/** A write. A node of this zone keeps it to itself; one of another zone (`isSpread`) passes it on in its own. */
function callOf(endpoint: string, { zone, env, appid, hostname }: Identity, isSpread: boolean): Call {
  const replication = String(!isSpread);
  const parameters = new URLSearchParams({ zone, env, appid, hostname, replication, from_zone: "true" });
  return { method: "POST", endpoint, parameters, answerBytesMax: registryPeerBodyBytesMax };
}

/** The original knows no bounds: what of it is not taken, the table decides. */
function stateOf(instance: Instance, ageMs: number, hasRenewed: boolean): EntryState {
  const { env, appid, zone, hostname, dirtyTimestamp } = instance;
  const identity = { env, appid, zone, hostname };
  return { identity, dirty: dirtyTimestamp, instance, ageMs, isProbed: false, hasRenewed };
}

/** What is known of a node that says nothing of itself. */
function originalNode(isStarting: boolean): NodeInfo {
  return { incarnation: "", address: "", zone: "", clock: 0n, isStarting };
}

function compared(states: readonly EntryState[], isStarting: boolean): Compared {
  return { kind: "compared", node: originalNode(isStarting), differing: [], states, nextBucket: undefined };
}

function failed(reason: PeerFailure["reason"], sentence: string): PeerFailure {
  return { kind: "failed", reason, sentence };
}

/** Reads an answer; undefined when that went well. */
function understood(read: () => void): PeerFailure | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof MalformedJson) return failed("garbage", `its answer is malformed: ${error.message}`);
    throw error;
  }
}

/** What a TextDecoder throws for bytes that are no UTF-8. */
function isNoText(error: unknown): boolean {
  return error instanceof TypeError && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA";
}
