// The answers that are streams: each holds a page of records for as long as its reader takes, so their number is
// bounded, and that of each key.

import { Code, ConnectError } from "@connectrpc/connect";
import { exportsMax, exportsPerKeyMax } from "../base/limits/fixed.ts";
import type { ApiKey } from "./keys/api-key.ts";

export class OpenStreams {
  private readonly ofKey = new Map<string, number>();
  private count = 0;

  /**
   * Counts a stream until `end`, the connection's end or the returned function, whichever is first. Throws
   * ResourceExhausted if the key has too many, Unavailable if the node has.
   */
  open({ id }: ApiKey, end: AbortSignal): () => void {
    const open = this.ofKey.get(id) ?? 0;
    if (open >= exportsPerKeyMax)
      throw new ConnectError(
        `the key has ${exportsPerKeyMax} exports under way at this node, read them to their ends`,
        Code.ResourceExhausted,
        { "retry-after": "1" },
      );
    if (this.count >= exportsMax)
      throw new ConnectError(`${exportsMax} exports are under way at this node, try again`, Code.Unavailable);
    this.ofKey.set(id, open + 1);
    this.count++;
    let isOpen = true;
    const ended = (): void => {
      if (!isOpen) return;
      isOpen = false;
      end.removeEventListener("abort", ended);
      this.count--;
      const left = (this.ofKey.get(id) ?? 0) - 1;
      if (left > 0) this.ofKey.set(id, left);
      else this.ofKey.delete(id);
    };
    end.addEventListener("abort", ended);
    if (end.aborted) ended();
    return ended;
  }
}

/** Passes a stream on, and calls `ended` when it is over, or nobody reads it any more. */
export async function* untilEnded<T>(stream: AsyncIterable<T> | Iterable<T>, ended: () => void): AsyncGenerator<T> {
  try {
    yield* stream;
  } finally {
    ended();
  }
}
