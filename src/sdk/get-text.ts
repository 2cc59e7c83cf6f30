// Fetches a text over HTTP with a bound on its length; the caller bounds the time.

/** A lookup's answer has some hundred bytes. */
export const textBytesMax = 64 * 1024;

/** Rejects if the request fails, `signal` aborts, the status is not 2xx, or the text is too long. */
export async function getText(url: string, signal: AbortSignal): Promise<string> {
  const { ok, status, body } = await fetch(url, { signal, cache: "no-store" });
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
