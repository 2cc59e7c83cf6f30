// A request to one node of the registry. It ends with an answer or with NodeFailure, within its time limit and with a
// bounded body, and leaves nothing running.

import { registryAnswerBytesMax } from "../../base/limits/fixed.ts";
import { boundedText } from "./bounded-text.ts";
import { KeyChecks } from "./key-checks.ts";
import { failureSentence, nodeSender, type NodeTrust, refusalOf, type SendToNode } from "./node-request.ts";
import { TokenChoice } from "./token-choice.ts";
import { systemClock } from "../../base/clock.ts";
import { Code } from "../codes.ts";
import type { After } from "./pause.ts";
import { type Answer, parseAnswer } from "./parse-instances.ts";

/** The time limit of a request other than a long poll. */
export const requestMsMax = 5_000;

/**
 * The node is unreachable, its answer is late, too long or malformed, or the request was aborted. Others may do better.
 */
export class NodeFailure extends Error {
  override readonly name: string = "NodeFailure";
  readonly node: string;

  constructor(node: string, reason: string, options?: ErrorOptions) {
    super(`${node}: ${reason}`, options);
    this.node = node;
  }
}

/**
 * The node accepts writes without a key, so anybody who reaches it can insert a process between those of a cluster. The
 * message tells an operator what to do.
 */
export class OpenRegistry extends NodeFailure {
  override readonly name = "OpenRegistry";

  constructor(node: string) {
    super(
      node,
      "this node of the registry accepts writes without a key from everybody: start it with the " +
        "--cluster-key-file of the cluster, or this process with --insecure if it cannot have one (bilibili/discovery)",
    );
  }
}

/** A call of the API. */
export interface Call {
  readonly method: "GET" | "POST";
  /** The path after `/discovery/`. */
  readonly endpoint: string;
  readonly parameters: URLSearchParams;
  readonly limitMs: number;
}

export class NodeClient {
  private readonly after: After;
  private readonly tokens: TokenChoice;
  private readonly requiresKey: boolean;
  private readonly keys: KeyChecks;
  private readonly send: SendToNode;

  /**
   * @param requiresKey refuses nodes that accept writes without a key: asking one fails with OpenRegistry
   * @param tokens current tokens for `authorization: Bearer`: the first one is sent to every node, the others to a node
   * that refuses it. Any process that may register as a node of the registry receives them
   * @param tls verifies the nodes of https:// URLs; without it, the system's authorities do
   */
  constructor(after: After, tokens: () => readonly string[], requiresKey: boolean, tls?: NodeTrust) {
    this.send = nodeSender(tls);
    this.keys = new KeyChecks(systemClock, this.send);
    this.after = after;
    this.tokens = new TokenChoice(tokens);
    this.requiresKey = requiresKey;
  }

  /** The nodes that accept writes without a key, as far as known. */
  get openNodes(): readonly string[] {
    return this.keys.open;
  }

  /** Checks whether a node accepts writes without a key. Rejects with OpenRegistry if it does, or with NodeFailure. */
  async demandKey(node: string, limitMs: number, signal: AbortSignal): Promise<void> {
    await this.limited(node, limitMs, signal, (limit) => this.ensureKey(node, limit));
  }

  /** Rejects with NodeFailure only, also when `signal` aborts, which the caller checks itself. */
  async ask(node: string, call: Call, signal: AbortSignal): Promise<Answer> {
    return this.limited(node, call.limitMs, signal, async (limit) => {
      if (this.requiresKey) await this.ensureKey(node, limit);
      // The limit covers all tries.
      const answer = await this.tokens.ask(
        node,
        (shown) => request(this.send, node, call, shown, limit),
        ({ code }) => code === Code.Unauthorized,
      );
      // It is starting, perhaps without the key that it had.
      if (answer.code === Code.ServerError) this.keys.forget(node);
      return answer;
    });
  }

  private async ensureKey(node: string, limit: AbortSignal): Promise<void> {
    if (await this.keys.isOpen(node, limit)) throw new OpenRegistry(node);
  }

  /** Runs requests to a node within a time limit. Rejects with NodeFailure only. */
  private async limited<Result>(
    node: string,
    limitMs: number,
    signal: AbortSignal,
    run: (limit: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    let isLate = false;
    const cancelLimit = this.after(limitMs, () => {
      isLate = true;
      abort();
    });
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      return await run(controller.signal);
    } catch (cause) {
      if (cause instanceof OpenRegistry) throw cause;
      // Another node may return in its place.
      if (!signal.aborted) this.keys.forget(node);
      throw new NodeFailure(node, isLate ? `no answer within ${limitMs} ms` : failureSentence(cause), { cause });
    } finally {
      cancelLimit();
      signal.removeEventListener("abort", abort);
    }
  }
}

/** Sends a request. Rejects if the answer is not a registry's. */
async function request(
  send: SendToNode,
  node: string,
  { method, endpoint, parameters, limitMs }: Call,
  shown: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  const url = `${node}/discovery/${endpoint}`;
  const headers = { ...shown, "x1-bmspy-timeout": String(limitMs) };
  const response = await (method === "GET"
    ? send(`${url}?${parameters}`, { method, headers, signal })
    : send(url, { method, headers, body: parameters, signal }));
  if (response.status !== 200) {
    throw new Error(await refusalOf(response));
  }
  return parseAnswer(await boundedText(response, registryAnswerBytesMax));
}
