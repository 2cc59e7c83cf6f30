// One request to another node's HTTP API, as all of ours are sent.

/** What is sent. */
interface NodeRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  readonly signal: AbortSignal;
}

/**
 * Sends a request; its answer is to be read within a bound (bounded-text.ts). What is compressed may be of any length
 * once it is unpacked, so the answer comes as it is; a redirect would lead elsewhere than the operator said, so none is
 * followed. Rejects as `fetch` does.
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

/** By the codes of `fetch`, whose sentences are for those who program it. */
const failures: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "nobody listens there"],
  ["ECONNRESET", "no answer of HTTP comes from there"],
  ["Malformed_HTTP_Response", "no answer of HTTP comes from there"],
  ["ENOTFOUND", "no address is known for that name"],
  ["EPROTO", "it speaks no TLS there"],
  ["UnexpectedRedirect", "it sends elsewhere: a redirect is not followed"],
]);

/** Why a request failed, for an operator. */
export function failureSentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return failures.get("code" in error ? error.code : undefined) ?? error.message;
}
