// What an operator is answered, wherever the door is: health and metrics over HTTP.

import type { Registry } from "prom-client";
import { escaped } from "../base/printable.ts";
import type { HttpAnswer } from "../transport/http/http-answer.ts";

/** Whether this process can do its job, and what it knows about that. */
export interface Health {
  readonly ready: boolean;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

/** `GET /health`: 200 only when ready, else 503. Names of others in it are escaped, for whoever reads it in a terminal. */
export function healthAnswer({ ready, detail }: Health): HttpAnswer {
  const body = escaped(JSON.stringify({ ready, ...detail }));
  return { status: ready ? 200 : 503, fields: { "content-type": "application/json;charset=utf-8" }, body };
}

/** `GET /livez`: 200 for as long as the process turns. */
export const liveAnswer: HttpAnswer = {
  status: 200,
  fields: { "content-type": "text/plain;charset=utf-8" },
  body: "ok\n",
};

/** Paths whose answer says whether the process can do its job. */
export const healthPaths: ReadonlySet<string> = new Set(["/health", "/readyz"]);

/** Scrapes take at most one part in so many of the time … */
const restFactor = 10;
/** … and wait for this long at most. */
const restMsMax = 1_000;

/** Scrapes that wait for a text: a connection that waits gives no place up. */
export const scrapesMax = 32;

/**
 * Answers `GET /metrics` in Prometheus' text format. `read` imports what shows the numbers; it is called at the first
 * scrape, once, however many come together. The numbers are those of after the scrape was asked for; scrapes that come
 * while others wait share a text, and when too many wait, further ones get the last one at once. When reading fails, every
 * answer is a rejection, which is the door's to tell.
 */
export function metricsAnswer(read: () => Promise<Registry>): () => Promise<HttpAnswer> {
  let reading: Promise<Registry> | undefined;
  let next: Promise<HttpAnswer> | undefined;
  /** When the next text may be made, by the monotonic clock. */
  let notBeforeMs = -Infinity;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let made: HttpAnswer | undefined;
  const make = async (after: Promise<unknown>): Promise<HttpAnswer> => {
    await after;
    const waitMs = notBeforeMs - performance.now();
    if (waitMs > 0) await Bun.sleep(waitMs);
    // Whoever comes from now on may want to see what has not been counted yet.
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
