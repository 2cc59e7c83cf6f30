// One request to one node of the registry. It ends with an answer or with NodeFailure, within its time limit, having read
// no more than a bounded body; nothing of it stays behind.

import { registryAnswerBytesMax } from "../../base/limits/fixed.ts";
import { boundedText } from "../bounded-text.ts";
import { TokenChoice } from "../token-choice.ts";
import type { After } from "./pause.ts";
import { type Answer, parseAnswer } from "./parse-instances.ts";

/** A request that is no long poll, in milliseconds. */
export const requestMsMax = 5_000;

/** Codes of the registry that this client tells apart. */
export const Code = {
  Ok: 0,
  NotModified: -304,
  NotFound: -404,
  Unauthorized: -401,
} as const;

/** The node was not reached, answered too late, too much or garbage; or the request was aborted. Another may do better. */
export class NodeFailure extends Error {
  override readonly name = "NodeFailure";
  readonly node: string;

  constructor(node: string, reason: string, options?: ErrorOptions) {
    super(`${node}: ${reason}`, options);
    this.node = node;
  }
}

/** One call of the API. */
export interface Call {
  readonly method: "GET" | "POST";
  /** Behind `/discovery/`. */
  readonly endpoint: string;
  readonly parameters: URLSearchParams;
  readonly limitMs: number;
}

export class NodeClient {
  private readonly after: After;
  private readonly tokens: TokenChoice;

  /**
   * @param tokens for `authorization: Bearer`: the first one is sent to every node, another to a node that refuses it.
   *   Whoever may register as a node of the registry holds them
   */
  constructor(after: After, tokens: readonly string[]) {
    this.after = after;
    this.tokens = new TokenChoice(tokens);
  }

  /** Rejects with NodeFailure only; also when `signal` aborts, which the caller finds out by looking at it. */
  async ask(node: string, call: Call, signal: AbortSignal): Promise<Answer> {
    const { method, endpoint, parameters, limitMs } = call;
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    let isLate = false;
    const cancelLimit = this.after(limitMs, () => {
      isLate = true;
      abort();
    });
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    const url = `${node}/discovery/${endpoint}`;
    const request = async (shown: Readonly<Record<string, string>>): Promise<Answer> => {
      const response = await fetch(method === "GET" ? `${url}?${parameters}` : url, {
        method,
        // What is compressed may be of any length once it is read.
        headers: { ...shown, "accept-encoding": "identity", "x1-bmspy-timeout": String(limitMs) },
        redirect: "error",
        decompress: false,
        signal: controller.signal,
        ...(method === "POST" ? { body: parameters } : {}),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`HTTP status ${response.status}`);
      }
      return parseAnswer(await boundedText(response, registryAnswerBytesMax));
    };
    try {
      // The limit holds for all tries together.
      return await this.tokens.ask(node, request, ({ code }) => code === Code.Unauthorized);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new NodeFailure(node, isLate ? `no answer within ${limitMs} ms` : reason, { cause });
    } finally {
      cancelLimit();
      signal.removeEventListener("abort", abort);
    }
  }
}
