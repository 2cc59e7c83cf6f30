// What an operator is answered, wherever the door is: health and metrics over HTTP.

import type { Registry } from "prom-client";
import { escaped } from "../base/printable.ts";

/** Whether this process can do its job, and what it knows about that. */
export interface Health {
  readonly ready: boolean;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

/** `GET /health`: 200 only when ready, else 503. Names of others in it are escaped, for whoever reads it in a terminal. */
export function healthResponse({ ready, detail }: Health): Response {
  const body = escaped(JSON.stringify({ ready, ...detail }));
  return new Response(body, {
    status: ready ? 200 : 503,
    headers: { "content-type": "application/json;charset=utf-8" },
  });
}

/**
 * Answers `GET /metrics` in Prometheus' text format. `read` imports what shows the numbers; it is called at the first
 * scrape, once, however many come together. When it fails, every answer is a rejection, which is the door's to tell.
 */
export function metricsAnswer(read: () => Promise<Registry>): () => Promise<Response> {
  let reading: Promise<Registry> | undefined;
  return async () => {
    const registry = await (reading ??= read());
    return new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
  };
}
