// Messages to other nodes over HTTP. A node without our paths gets requests of the original API.

import type { Clock } from "../../base/clock.ts";
import { registryAnswerBytesMax, registryPeerBodyBytesMax } from "../../base/limits/fixed.ts";
import { boundedText } from "../client/bounded-text.ts";
import { fieldsOf, jsonOf } from "../../base/json-fields.ts";
import { KeyChecks } from "../client/key-checks.ts";
import type {
  Compare,
  Compared,
  PeerFailure,
  PeerNetwork,
  Replicate,
  Replicated,
} from "../replication/peer-messages.ts";
import { nodeSender, refusalOf, type SendToNode } from "../client/node-request.ts";
import { Code } from "../codes.ts";
import { failure, failureOf, unlessMalformed } from "./peer-failure.ts";
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

/** A node that takes longer is down. */
const requestMsMax = 5_000;
/** An original node is asked again in our protocol after this long: one of ours may have replaced it. */
const originalMsMax = 60_000;
/** One of our nodes that does not know this one is treated as an original one for this long. */
const unknownMsMax = 2_000;

/** The node lacks our paths; or it has them, but does not know this node. */
const unknownPath = Symbol("unknown path");
const unknownHere = Symbol("unknown here");

/** An unchecked answer of our API. */
interface Envelope {
  readonly kind: "envelope";
  readonly code: unknown;
  readonly message: unknown;
  readonly data: unknown;
}

/** A request to another node, and its form for an original node. */
interface Question<Reply> {
  readonly path: string;
  readonly body: string;
  readonly parse: (data: unknown) => Reply;
  readonly askOriginal: () => Promise<Reply | PeerFailure>;
}

export class HttpPeerNetwork implements PeerNetwork {
  private readonly clock: Clock;
  private readonly tokens: TokenChoice;
  /** Undefined if this node has no key and requires none of others. */
  private readonly keys: KeyChecks | undefined;
  private readonly originals: OriginalPeers;
  private readonly send: SendToNode;
  /** Nodes believed to be original ones, and until when. */
  private readonly originalUntilMs = new Map<string, number>();

  /**
   * Every node receives the first of the current `tokens`, and another one if it refuses that. A process with tokens at
   * its start exchanges nothing with nodes that accept writes without one: anybody's writes there would be listed here.
   * Lags of original nodes' clocks above `lagMsMax` count as unknown. `send` gets http:// URLs, which it may change.
   */
  constructor(clock: Clock, tokens: () => readonly string[], lagMsMax: number, send: SendToNode = nodeSender()) {
    this.clock = clock;
    this.send = send;
    this.tokens = new TokenChoice(tokens);
    this.keys = tokens().length === 0 ? undefined : new KeyChecks(clock, send);
    this.originals = new OriginalPeers({ clock, tokens: this.tokens, requestMsMax, lagMsMax, send });
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
      path: comparePath,
      body: text,
      parse: parseCompared,
      askOriginal: () => this.originals.compare(address, message),
    }).then(done);
  }

  /** Halves a message that is too long for one body: some states are many times as long as most. */
  private async replicateInParts(address: string, message: Replicate): Promise<Replicated | PeerFailure> {
    const text = messageText(message);
    const { states } = message;
    if (states.length < 2 || Buffer.byteLength(text) <= registryPeerBodyBytesMax) {
      return this.ask(address, {
        path: replicatePath,
        body: text,
        parse: parseReplicated,
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

  /**
   * Returns a failure if a node accepts writes without a key and this one does not, or if that cannot be determined.
   */
  private async refusedAsOpen(address: string): Promise<PeerFailure | undefined> {
    try {
      const isOpen = await this.keys?.isOpen(`http://${address}`, AbortSignal.timeout(requestMsMax));
      if (isOpen !== true) return undefined;
      return failure(
        "refused",
        "it accepts writes without a key, and this node does not: start it with the same --cluster-key-file",
      );
    } catch (error) {
      return failureOf(error, "its answer");
    }
  }

  private async askChecked<Reply extends { readonly kind: string }>(
    address: string,
    { path, body, parse, askOriginal }: Question<Reply>,
  ): Promise<Reply | PeerFailure> {
    if ((this.originalUntilMs.get(address) ?? -Infinity) > this.clock.monotonicMs()) return askOriginal();
    this.originalUntilMs.delete(address);
    const url = `http://${address}/discovery/${path}`;
    // The limit covers all tries.
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
      const response = await this.send(url, { method: "POST", headers, body, signal });
      if (response.status !== 200) {
        const refusal = await refusalOf(response);
        if (response.status === 404) return response.headers.has(unknownNodeField) ? unknownHere : unknownPath;
        return failure("garbage", `it answers with ${refusal}`);
      }
      text = await boundedText(response, registryAnswerBytesMax);
    } catch (error) {
      return failureOf(error, "its answer");
    }
    return unlessMalformed(() => {
      const { code, message, data } = fieldsOf(jsonOf(text, "the answer"), "the answer");
      return { kind: "envelope", code, message, data };
    });
  }
}

/** Reads a node's answer. */
function understood<Reply>({ code, message, data }: Envelope, parse: (data: unknown) => Reply): Reply | PeerFailure {
  if (code === Code.Ok) return unlessMalformed(() => parse(data));
  return failure("refused", `it refuses with code ${String(code)}: ${String(message)}`);
}
