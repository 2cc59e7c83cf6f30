// Messages to other nodes over HTTP. A node that does not know our paths is one of the original implementation, and is
// spoken to in its own way.

import type { Clock } from "../../base/clock.ts";
import { registryAnswerBytesMax, registryPeerBodyBytesMax } from "../../base/limits/fixed.ts";
import { boundedText, TooLong } from "../client/bounded-text.ts";
import { fieldsOf, jsonOf, MalformedJson } from "../../base/json-fields.ts";
import { KeyChecks } from "../client/key-checks.ts";
import type {
  Compare,
  Compared,
  PeerFailure,
  PeerNetwork,
  Replicate,
  Replicated,
} from "../replication/peer-messages.ts";
import { sendToNode } from "../client/node-request.ts";
import { Code } from "../codes.ts";
import { TokenChoice } from "../client/token-choice.ts";
import { OriginalPeers } from "./original-peer.ts";
import {
  comparePath,
  messageText,
  parseCompared,
  parseReplicated,
  replicatePath,
  unknownNodeField,
} from "./peer-codec.ts";

/** A node that has not answered by then is away. */
const requestMsMax = 5_000;
/**
 * A node that was found to be an original one is asked again after this long: it may have been replaced by one of ours.
 */
const originalMsMax = 60_000;
/** One of ours that does not know us is told of us as an original one would be, and asked again after this long. */
const unknownMsMax = 2_000;

/** The node does not know our paths; or it does, and does not know us. */
const unknownPath = Symbol("unknown path");
const unknownHere = Symbol("unknown here");

/** An answer of our own API, unchecked. */
interface Envelope {
  readonly kind: "envelope";
  readonly code: unknown;
  readonly message: unknown;
  readonly data: unknown;
}

/** What is asked of another node, and how an original one is asked the same. */
interface Question<Reply> {
  readonly path: string;
  readonly body: string;
  readonly parse: (data: unknown) => Reply;
  readonly askOriginal: () => Promise<Reply | PeerFailure>;
}

export class HttpPeerNetwork implements PeerNetwork {
  private readonly clock: Clock;
  private readonly tokens: TokenChoice;
  /** Undefined: this node has no key, and asks nobody for one. */
  private readonly keys: KeyChecks | undefined;
  private readonly originals: OriginalPeers;
  /** Nodes of the original implementation, and until when that is believed. */
  private readonly originalUntilMs = new Map<string, number>();

  /**
   * The first of `tokens`, those of now, is shown to all nodes, another one to a node that refuses it. A process that
   * has any at its start exchanges nothing with a node that takes writes without one: what anybody may write there
   * would be listed here. The clock of an original node that is behind by more than `lagMsMax` is not believed.
   */
  constructor(clock: Clock, tokens: () => readonly string[], lagMsMax: number) {
    this.clock = clock;
    this.tokens = new TokenChoice(tokens);
    this.keys = tokens().length === 0 ? undefined : new KeyChecks(clock);
    this.originals = new OriginalPeers({ clock, tokens: this.tokens, requestMsMax, lagMsMax });
  }

  lagNs(leadNs: bigint): bigint {
    return this.originals.lagNs(leadNs);
  }

  aheadNs(): bigint {
    return this.originals.aheadNs;
  }

  replicate(address: string, message: Replicate, done: (reply: Replicated | PeerFailure) => void): void {
    void this.replicateInParts(address, message).then(done);
  }

  compare(address: string, message: Compare, done: (reply: Compared | PeerFailure) => void): void {
    const text = messageText(message);
    void this.ask(address, {
      ...{ path: comparePath, body: text, parse: parseCompared },
      askOriginal: () => this.originals.compare(address, message),
    }).then(done);
  }

  /** What is too long for one body goes in halves: some states are many times as long as most. */
  private async replicateInParts(address: string, message: Replicate): Promise<Replicated | PeerFailure> {
    const text = messageText(message);
    const { states } = message;
    if (states.length < 2 || Buffer.byteLength(text) <= registryPeerBodyBytesMax) {
      return this.ask(address, {
        ...{ path: replicatePath, body: text, parse: parseReplicated },
        askOriginal: () => this.originals.replicate(address, message),
      });
    }
    const middle = states.length >> 1;
    const first = await this.replicateInParts(address, { ...message, states: states.slice(0, middle), renewals: [] });
    if (first.kind === "failed") return first;
    const second = await this.replicateInParts(address, { ...message, states: states.slice(middle) });
    return second.kind === "failed" ? second : { ...second, newer: [...first.newer, ...second.newer] };
  }

  private async ask<Reply extends { readonly kind: string }>(
    address: string,
    question: Question<Reply>,
  ): Promise<Reply | PeerFailure> {
    const open = await this.refusedAsOpen(address);
    if (open !== undefined) return open;
    const reply = await this.askChecked(address, question);
    if (reply.kind === "failed") this.keys?.forget(`http://${address}`);
    return reply;
  }

  /** Returns a failure if a node takes writes without a key and this one does not, or if that cannot be found out. */
  private async refusedAsOpen(address: string): Promise<PeerFailure | undefined> {
    try {
      const isOpen = await this.keys?.isOpen(`http://${address}`, AbortSignal.timeout(requestMsMax));
      if (isOpen !== true) return undefined;
      return failure(
        "refused",
        "it takes writes without a key, and this node does not: start it with the same --cluster-key-file",
      );
    } catch (error) {
      return failure("unreachable", error instanceof Error ? error.message : String(error));
    }
  }

  private async askChecked<Reply extends { readonly kind: string }>(
    address: string,
    { path, body, parse, askOriginal }: Question<Reply>,
  ): Promise<Reply | PeerFailure> {
    if ((this.originalUntilMs.get(address) ?? -Infinity) > this.clock.monotonicMs()) return askOriginal();
    this.originalUntilMs.delete(address);
    const url = `http://${address}/discovery/${path}`;
    // The limit holds for all tries together.
    const signal = AbortSignal.timeout(requestMsMax);
    const reply = await this.tokens.ask(
      address,
      (shown) => this.post(url, body, shown, signal),
      (refused) => typeof refused !== "symbol" && refused.kind === "envelope" && refused.code === Code.Unauthorized,
    );
    if (typeof reply !== "symbol") return reply.kind === "failed" ? reply : understood(reply, parse);
    const believedMs = reply === unknownPath ? originalMsMax : unknownMsMax;
    this.originalUntilMs.set(address, this.clock.monotonicMs() + believedMs);
    return askOriginal();
  }

  private async post(
    url: string,
    body: string,
    shown: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Envelope | PeerFailure | typeof unknownPath | typeof unknownHere> {
    let text: string;
    try {
      const headers = { ...shown, "content-type": "application/json" };
      const response = await sendToNode(url, { method: "POST", headers, body, signal });
      if (response.status !== 200) {
        await response.body?.cancel();
        if (response.status === 404) return response.headers.has(unknownNodeField) ? unknownHere : unknownPath;
        return failure("garbage", `it answers with HTTP status ${response.status}`);
      }
      text = await boundedText(response, registryAnswerBytesMax);
    } catch (error) {
      if (error instanceof TooLong) return failure("garbage", `its answer is ${error.message}`);
      return failure("unreachable", error instanceof Error ? error.message : String(error));
    }
    return unlessMalformed(() => {
      const { code, message, data } = fieldsOf(jsonOf(text, "the answer"), "the answer");
      return { kind: "envelope", code, message, data };
    });
  }
}

/** Reads what a node answers. */
function understood<Reply>({ code, message, data }: Envelope, parse: (data: unknown) => Reply): Reply | PeerFailure {
  if (code === Code.Ok) return unlessMalformed(() => parse(data));
  return failure("refused", `it refuses with code ${String(code)}: ${String(message)}`);
}

function unlessMalformed<Value>(read: () => Value): Value | PeerFailure {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedJson) return failure("garbage", `its answer is malformed: ${error.message}`);
    throw error;
  }
}

function failure(reason: PeerFailure["reason"], sentence: string): PeerFailure {
  return { kind: "failed", reason, sentence };
}
