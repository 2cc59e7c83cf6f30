// Sends requests to other nodes' HTTP APIs.

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
export function sendToNode(url: string, { method, headers, body, signal }: NodeRequest): Promise<Response> {
  return fetch(url, {
    method,
    headers: { ...headers, "accept-encoding": "identity" },
    redirect: "error",
    decompress: false,
    signal,
    ...(body === undefined ? {} : { body }),
  });
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
  return failures.get("code" in error ? error.code : undefined) ?? error.message;
}
