// The operator's door: health and metrics over HTTP, on an address of its own.

import type { Metrics } from "./metrics.ts";
import { type Health, healthResponse, metricsAnswer } from "./operator-answers.ts";

export interface Monitor {
  /** `host:port` as bound. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Serves `GET /health` (200 only when ready, else 503) and `GET /metrics`. Throws when the address cannot be bound. */
export function startMonitor(
  address: { readonly host: string; readonly port: number },
  sources: { readonly metrics: Metrics; health(): Health },
): Monitor {
  const metricsResponse = metricsAnswer(async () => {
    const { expositionOf } = await import("./exposition.ts");
    return expositionOf(sources.metrics);
  });
  const respond = async (path: string): Promise<Response> => {
    if (path === "/health") return healthResponse(sources.health());
    if (path === "/metrics") return metricsResponse();
    return new Response("not found; there are /health and /metrics\n", { status: 404 });
  };
  const server = Bun.serve({
    hostname: address.host,
    port: address.port,
    // Else an error's answer shows our source; and with that alone Bun 1.4.5 shares the port with a second process.
    development: false,
    reusePort: false,
    error(bug) {
      sources.metrics.bugs.met("http", bug);
      return new Response("internal error\n", { status: 500 });
    },
    fetch(request) {
      if (request.method !== "GET" && request.method !== "HEAD") {
        return new Response("method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } });
      }
      return respond(new URL(request.url).pathname);
    },
  });
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return { address: `${host}:${server.port}`, stop: () => server.stop(true) };
}
