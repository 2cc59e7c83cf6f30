// What an operator is answered, wherever the door is: health and metrics over HTTP.

import type { Registry } from "prom-client";

/** Whether this process can do its job, and what it knows about that. */
export interface Health {
  readonly ready: boolean;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

/** `GET /health`: 200 only when ready, else 503. */
export function healthResponse({ ready, detail }: Health): Response {
  return Response.json({ ready, ...detail }, { status: ready ? 200 : 503 });
}

/** `GET /metrics`, in Prometheus' text format. */
export async function metricsResponse(registry: Registry): Promise<Response> {
  return new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
}
