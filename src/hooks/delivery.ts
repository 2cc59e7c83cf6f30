// One attempt to tell an endpoint a batch, and what its answer means.

import { createHash } from "node:crypto";
import { printable } from "../base/printable.ts";
import type { Endpoint } from "../store/hooks.ts";
import { AddressRefused } from "./addresses.ts";
import { type HttpSender, NoAnswer } from "./http-sender.ts";
import { keyOfSecret, signedHeaders } from "./signature.ts";

/** Of the events of a batch together; a single one may be longer. */
export const batchBytesMax = 1024 * 1024;
/** The longest wait that an endpoint may ask for. */
const retryAfterSecondsMax = 3_600;
/** Of what an endpoint answers, a reason shows this much. */
const reasonCharactersMax = 200;

export type Delivered =
  | { readonly result: "accepted" }
  /** The receiver has judged what it was told. */
  | { readonly result: "refused"; readonly reason: string }
  /** It may work later. */
  | { readonly result: "failed"; readonly reason: string; readonly waitMs: number };

const encoder = new TextEncoder();

/** Statuses below 500 that say something about the endpoint or the moment, and nothing about an event. */
const passingStatuses: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 426, 429]);

/** The id of a list of events: the same at every attempt, and on every node. */
export function webhookIdOf(endpoint: bigint, lane: string, refs: readonly string[]): string {
  const digest = createHash("sha256")
    .update(`${endpoint}\n${lane}\n${refs.join(",")}`)
    .digest("base64url");
  return `msg_${digest.slice(0, 27)}`;
}

/** The body of a request, as it is signed and sent: a text would be encoded for each of both. */
export function bodyOf(app: string, texts: readonly string[]): Uint8Array {
  return encoder.encode(`{"app":${JSON.stringify(app)},"events":[${texts.join(",")}]}`);
}

export async function deliver(
  sender: HttpSender,
  endpoint: Pick<Endpoint, "url" | "secret">,
  webhookId: string,
  body: Uint8Array,
  { atMs, waitMs, signal }: { readonly atMs: number; readonly waitMs: number; readonly signal?: AbortSignal },
): Promise<Delivered> {
  const key = keyOfSecret(endpoint.secret);
  if (key === undefined) return { result: "failed", reason: "its secret is malformed; set it again", waitMs: 0 };
  try {
    const headers = signedHeaders(key, webhookId, atMs, body);
    const { status, body: answer, headers: given } = await sender.post(endpoint.url, headers, body, waitMs, signal);
    if (status < 300) return { result: "accepted" };
    const text = printable(answer.slice(0, reasonCharactersMax).toWellFormed().trim());
    const said = text === "" ? "" : `: ${text}`;
    const reason = `it answered ${status}${status < 400 ? " (redirects are not followed)" : ""}${said}`;
    if (status >= 400 && status < 500 && !passingStatuses.has(status)) return { result: "refused", reason };
    const seconds = Number(given.get("retry-after") ?? "0");
    const bounded = Number.isFinite(seconds) ? Math.min(retryAfterSecondsMax, Math.max(0, seconds)) : 0;
    return { result: "failed", reason, waitMs: bounded * 1_000 };
  } catch (error) {
    if (error instanceof NoAnswer) return { result: "failed", reason: `it ${error.message}`, waitMs: 0 };
    if (error instanceof AddressRefused) return { result: "failed", reason: error.message, waitMs: 0 };
    throw error;
  }
}
