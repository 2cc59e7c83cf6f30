// Options of an HTTP server for tests: bounds that no test meets by accident, and nobody who hears of anything.

import { textAnswer } from "../../src/transport/http/http-answer.ts";
import type { HttpServerLimits, HttpServerOptions } from "../../src/transport/http/http-server.ts";

export const wideLimits: HttpServerLimits = {
  connections: 1_000,
  connectionsPerAddress: 1_000,
  headMs: 10_000,
  bodyMs: 10_000,
  idleMs: 60_000,
  headBytes: 16 * 1024,
  receivedBytes: 64 * 1024 * 1024,
  unreadBytes: 256 * 1024 * 1024,
  unreadBytesPerAddress: 256 * 1024 * 1024,
};

/** The options of a server that answers every request with 200, unless `change` says otherwise. */
export function serverOptions(
  change: Partial<Omit<HttpServerOptions, "limits">> = {},
  limits: Partial<HttpServerLimits> = {},
): HttpServerOptions {
  return {
    limits: { ...wideLimits, ...limits },
    handler: () => textAnswer(200, "well"),
    bugAnswer: textAnswer(500, ""),
    bug: (error) => {
      throw error;
    },
    peerGone: () => undefined,
    met: () => undefined,
    ...change,
  };
}
