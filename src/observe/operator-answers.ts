// Answers to operators over HTTP, shared by the monitor and the registry: health and metrics.

import type { Registry } from "prom-client";
import { escaped } from "../base/printable.ts";
import type { HttpAnswer } from "../transport/http/http-answer.ts";

/** A process's readiness, with details. */
export interface Health {
  readonly ready: boolean;
  /** Entries of the answer beside `ready`. */
  readonly detail: Readonly<Record<string, string | number | boolean>> & { readonly ready?: never };
}

/** Answers `GET /health`: 200 when ready, else 503. Escapes names that others chose, for readers in a terminal. */
export function healthAnswer({ ready, detail }: Health): HttpAnswer {
  const body = escaped(JSON.stringify({ ready, ...detail }));
  return { status: ready ? 200 : 503, fields: { "content-type": "application/json;charset=utf-8" }, body };
}

/** Answers `GET /livez`: 200 while the event loop turns. */
export const liveAnswer: HttpAnswer = {
  status: 200,
  fields: { "content-type": "text/plain;charset=utf-8" },
  body: "ok\n",
};

/** Paths of the readiness answer. */
export const healthPaths: ReadonlySet<string> = new Set(["/health", "/readyz"]);

/** After a scrape that took t, the next one starts at the earliest this many times t later … */
const restFactor = 10;
/** … and at the latest after this time. */
const restMsMax = 1_000;

/** Scrapes that may wait for one text. A waiting connection is not evicted. */
export const scrapesMax = 32;

/**
 * Returns a function that answers `GET /metrics` in Prometheus' text format. `read` imports the exposition; it is
 * called once, at the first scrape. The numbers are read after the scrape was requested; scrapes that wait together
 * share a text, and if too many wait, further ones get the last text at once. If reading fails, every answer rejects.
 */
export function metricsAnswer(read: () => Promise<Registry>): () => Promise<HttpAnswer> {
  let reading: Promise<Registry> | undefined;
  let next: Promise<HttpAnswer> | undefined;
  /** The earliest time of the next text, by the monotonic clock. */
  let notBeforeMs = -Infinity;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let made: HttpAnswer | undefined;
  const make = async (after: Promise<unknown>): Promise<HttpAnswer> => {
    await after;
    const waitMs = notBeforeMs - performance.now();
    if (waitMs > 0) await Bun.sleep(waitMs);
    // Later scrapes need numbers that have not been read yet.
    next = undefined;
    waiting = 0;
    const registry = await (reading ??= read());
    const beganMs = performance.now();
    const body = await registry.metrics();
    const endMs = performance.now();
    notBeforeMs = endMs + Math.min((endMs - beganMs) * restFactor, restMsMax);
    made = { status: 200, fields: { "content-type": registry.contentType }, body };
    return made;
  };
  return () => {
    if (waiting >= scrapesMax && made !== undefined) return Promise.resolve(made);
    waiting++;
    if (next !== undefined) return next;
    next = make(last);
    last = next.catch(() => undefined);
    return next;
  };
}
