// A small text over HTTP, bounded in time and length whatever the server does.

/** An answer to a lookup has some hundred bytes. */
export const textBytesMax = 64 * 1024;

/** Rejects when the request fails, takes longer than `msMax`, is answered with another status than 2xx, or is too long. */
export async function getText(url: string, msMax: number): Promise<string> {
  const { ok, status, body } = await fetch(url, { signal: AbortSignal.timeout(msMax), cache: "no-store" });
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
