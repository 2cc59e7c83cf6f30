// Sends requests to other nodes' HTTP APIs.

import { printable } from "../../base/printable.ts";
import { certificateFailure } from "../../transport/tls/peer-verification.ts";

interface NodeRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  readonly signal: AbortSignal;
}

/**
 * Sends a request; the caller reads the answer within a bound (bounded-text.ts). The answer is not compressed, because
 * it could have any length after unpacking, and redirects are refused, because they lead to other hosts than the
 * operator's. Rejects as `fetch` does.
 */
export type SendToNode = (url: string, request: NodeRequest) => Promise<Response>;

/** How servers of https:// URLs are verified. */
export interface NodeTrust {
  /** At present; undefined: by the authorities of the system. */
  readonly dialler: { readonly ca: string; readonly cert?: string; readonly key?: string } | undefined;
}

/**
 * Returns how this process sends requests. With `tls`, servers of https:// URLs are verified by its authorities at the
 * moment of a request; without, by those of the system.
 */
export function nodeSender(tls?: NodeTrust): SendToNode {
  return (url, { method, headers, body, signal }) =>
    fetch(url, {
      method,
      headers: { ...headers, "accept-encoding": "identity" },
      redirect: "error",
      decompress: false,
      signal,
      ...(body === undefined ? {} : { body }),
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      ...(url.startsWith("https:") ? { tls: { ...tls?.dialler, rejectUnauthorized: true } } : {}),
    });
}

/** Reports whether a request over TLS failed because the server does not speak it. */
export function isNoTls(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPROTO";
}

/** By the error codes of `fetch`, whose own sentences are for programmers. */
const failures: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "the answer is not HTTP"],
  ["Malformed_HTTP_Response", "the answer is not HTTP"],
  ["ENOTFOUND", "unknown host name"],
  ["EPROTO", "the server does not speak TLS"],
  ["UnexpectedRedirect", "redirects are not followed"],
]);

/** Returns why a request failed, for an operator. */
export function failureSentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? error.code : undefined;
  const known = failures.get(code);
  return known ?? certificateFailure(error) ?? error.message;
}

/** Of a refusal's text, what a sentence shows. */
const refusalCharactersMax = 100;

/** Ends an answer that is none of the registry's, and returns what is wrong with it. */
export async function refusalOf(response: Response): Promise<string> {
  const { status, headers } = response;
  const isShort = Number(headers.get("content-length") ?? Infinity) <= refusalCharactersMax;
  // A server of HTTPS says so in plain text.
  if (status === 400 && isShort && headers.get("content-type")?.startsWith("text/plain") === true)
    return `HTTP status ${status} (${printable((await response.text()).trim())})`;
  await response.body?.cancel();
  return `HTTP status ${status}`;
}
