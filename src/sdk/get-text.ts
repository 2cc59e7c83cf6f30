// Fetches a text over HTTP with a bound on its length; the caller bounds the time.

import { requireCa } from "./open-web-socket.ts";
import { troubleOf } from "./tls-trouble.ts";

/** A lookup's answer has some hundred bytes. */
export const textBytesMax = 64 * 1024;

/**
 * `ca`: certificates in PEM that verify the server's, instead of the platform's.
 * Rejects if the request fails, `signal` aborts, the status is not 2xx, or the text is too long; with a TypeError if
 * the platform takes no `ca`.
 */
export async function getText(url: string, signal: AbortSignal, ca?: string): Promise<string> {
  // A redirect could lead to plain text, where anybody can answer.
  const redirect = url.startsWith("https:") ? "error" : "follow";
  const request = fetch(url, { signal, cache: "no-store", redirect, ...verifiedBy(ca, url) });
  const { ok, status, body } = await request.catch(clearer);
  if (!ok || body === null) {
    await body?.cancel();
    throw new Error(`it answered with status ${status}`);
  }
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > textBytesMax) {
      await reader.cancel();
      throw new Error(`its answer is longer than ${textBytesMax} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Bun's fetch takes TLS options; others pass over them. */
function verifiedBy(ca: string | undefined, url: string): RequestInit {
  if (ca === undefined || !url.startsWith("https:")) return {};
  requireCa();
  const options: BunFetchRequestInit = { tls: { ca } };
  return options;
}

/** Throws what a request failed with, in clearer words if there are some. */
function clearer(cause: Error): never {
  const trouble = troubleOf(cause.message);
  throw trouble === cause.message ? cause : new Error(trouble, { cause });
}
