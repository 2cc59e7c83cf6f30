// The body of a small request, bounded before it is taken: in length, and in the time that it takes to arrive.

import type { Timers } from "../base/timers.ts";

/** The longest body of a request to the site. */
export const siteBodyBytesMax = 4 * 1024;
const bodyMsMax = 10_000;

/** The body is not what the request may have. */
export class BodyRefused extends Error {
  override readonly name = "BodyRefused";
  readonly status: 400 | 413;

  constructor(status: 400 | 413, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Returns the body as text. Throws BodyRefused if it is too long, too slow, or not UTF-8. */
export async function boundedText(request: Request, timers: Timers): Promise<string> {
  const reader = request.body?.getReader();
  if (reader === undefined) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stop = (): void => void reader.cancel().catch(() => undefined);
  const endWait = timers.after(bodyMsMax, stop);
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
      if (done || value === undefined) break;
      length += value.length;
      if (length > siteBodyBytesMax) {
        stop();
        throw new BodyRefused(413, `A request's body has at most ${siteBodyBytesMax} bytes.`);
      }
      chunks.push(value);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks, length));
  } catch (error) {
    if (error instanceof TypeError) throw new BodyRefused(400, "The body is not UTF-8.");
    throw error;
  } finally {
    endWait();
  }
}
