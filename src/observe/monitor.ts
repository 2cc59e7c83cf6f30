// Health and metrics over HTTP for operators, on an address of their own.

import type { Limits } from "../base/limits/limits.ts";
import { browserGuard } from "../transport/http/browser-guard.ts";
import { textAnswer } from "../transport/http/http-answer.ts";
import type { HttpHandler } from "../transport/http/http-handler.ts";
import { HttpServer } from "../transport/http/http-server.ts";
import type { NodeTls } from "../transport/tls/node-tls.ts";
import { peerQuota } from "../transport/quota-address.ts";
import type { Metrics } from "./metrics.ts";
import { type Health, healthAnswer, healthPaths, liveAnswer, metricsAnswer } from "./operator-answers.ts";

const headBytesMax = 8 * 1024;
/** The time limit for a request's head. Bodies are refused. */
const headMs = 10_000;
/** A connection without a request is closed after this long: longer than a scraper's usual pause. */
const idleMs = 75_000;
/** Unfinished heads and unread answers of all connections. */
const receivedBytesMax = 1024 * 1024;
const unreadBytesMax = 16 * 1024 * 1024;
/** The time that answers under way have when the monitor stops. */
const closingMs = 200;

export interface Monitor {
  /** `host:port` as bound. */
  readonly address: string;
  stop(): Promise<void>;
}

interface MonitorParts {
  readonly metrics: Metrics;
  readonly health: () => Health;
  readonly limits: Limits;
  /** Host names under which the process is advertised. */
  readonly names?: readonly string[];
  /** The certificate of this node, for HTTPS; undefined: HTTP. */
  readonly tls?: Pick<NodeTls, "http" | "isRequired"> | undefined;
  /** As in HttpServerOptions. */
  readonly quotaOf?: (remoteAddress: string) => string;
}

/**
 * Serves `GET /livez`, `GET /readyz` and `/health` (200 when ready, else 503), and `GET /metrics`. Throws if the
 * address cannot be bound.
 */
export function startMonitor(
  address: { readonly host: string; readonly port: number },
  { metrics, health, limits, names = [], tls, quotaOf = peerQuota }: MonitorParts,
): Monitor {
  const metricsResponse = metricsAnswer(async () => {
    const { expositionOf } = await import("./exposition.ts");
    return expositionOf(metrics);
  });
  const guard = browserGuard(address, names);
  const handler: HttpHandler = (request) => {
    const refusal = guard(request);
    if (refusal !== undefined) return { ...textAnswer(403, `${refusal}\n`), isLast: true };
    if (request.method !== "GET" && request.method !== "HEAD")
      return textAnswer(405, "method not allowed\n", { allow: "GET, HEAD" });
    if (request.path === "/livez") return liveAnswer;
    if (healthPaths.has(request.path)) return healthAnswer(health());
    if (request.path === "/metrics") return metricsResponse();
    return textAnswer(404, "not found; there are /livez, /readyz (or /health) and /metrics\n");
  };
  const { values } = limits;
  const server = new HttpServer(address, {
    limits: {
      connections: values.monitorConnections,
      connectionsPerAddress: values.monitorConnectionsPerAddress,
      headMs,
      bodyMs: headMs,
      idleMs,
      headBytes: headBytesMax,
      receivedBytes: receivedBytesMax,
      unreadBytes: unreadBytesMax,
      unreadBytesPerAddress: unreadBytesMax,
    },
    handler,
    tls: tls?.http,
    acceptsPlain: tls?.isRequired === false,
    quotaOf,
    bugAnswer: textAnswer(500, "internal error\n"),
    bug: (bug) => metrics.bugs.met("http", bug),
    peerGone: () => undefined,
    met: (bound, remote) => {
      if (bound === "connections") limits.met("monitorConnections", { address: remote });
      if (bound === "connectionsPerAddress") limits.met("monitorConnectionsPerAddress", { address: remote });
    },
  });
  limits.measure("monitorConnections", () => server.size);
  limits.measure("monitorConnectionsPerAddress", () => server.sizeOfLargest);
  return { address: server.address, stop: () => server.stop(closingMs) };
}
