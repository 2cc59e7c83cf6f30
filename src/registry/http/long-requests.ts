// Reads that name many services, such as long polls of a thousand: each takes a millisecond or two, and thousands may
// come at once. A turn of the event loop answers a bounded share of them, alternating between addresses, so that short
// requests are served in between.
//
// Memory: a waiting request holds its head. The bytes of all waiting requests are bounded in all and by address.

import type { Limits } from "../../base/limits/limits.ts";

/** Longer queries, in characters, wait for their turn. */
const shortQuery = 2_048;
/** The time for the requests of one turn, in milliseconds; the last one may exceed it. */
const turnMs = 2;
/** This many take some tens of milliseconds. */
const waitingMax = 32;
/** The share of `registryReceivedBytes` that waiting requests may hold beside it. */
const waitingShare = 0.5;
/** The share of those for one address. */
const addressShare = 0.5;

interface Waiting {
  readonly work: () => void;
  readonly bytes: number;
}

interface Queue {
  readonly requests: Waiting[];
  bytes: number;
}

/** Reports whether a query must wait for its turn. */
export function isLongQuery(query: string): boolean {
  return query.length > shortQuery;
}

export class LongRequests {
  private readonly limits: Limits;
  private readonly now: () => number;
  private readonly soon: (turn: () => void) => void;
  /** By address; the one whose turn is next comes first. */
  private readonly queues = new Map<string, Queue>();
  private bytes = 0;
  private count = 0;

  /** `nowMs` is a monotonic clock; `soon` calls back in a later turn of the event loop. */
  constructor(
    limits: Limits,
    nowMs: () => number = () => performance.now(),
    soon: (turn: () => void) => void = setImmediate,
  ) {
    this.limits = limits;
    this.now = nowMs;
    this.soon = soon;
  }

  /** False while enough wait: further ones are better left unread. */
  get hasRoom(): boolean {
    return this.count < waitingMax;
  }

  /**
   * Answers a request of `bytes` from `address` ('' has no bound of its own) in a later turn. Returns undefined if too
   * many bytes wait already. Rejects with what `answer` throws.
   */
  answered<Result>(
    address: string,
    bytes: number,
    answer: () => Result | Promise<Result>,
  ): Promise<Result> | undefined {
    const bytesMax = this.limits.values.registryReceivedBytes * waitingShare;
    const queue = this.queues.get(address) ?? { requests: [], bytes: 0 };
    const ofAddress = address === "" ? 0 : queue.bytes + bytes;
    if (this.bytes + bytes > bytesMax || ofAddress > bytesMax * addressShare) {
      this.limits.met("registryReceivedBytes", { address });
      return undefined;
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const work = (): void => {
      try {
        resolve(answer());
      } catch (error) {
        reject(error);
      }
    };
    if (this.queues.size === 0) this.soon(() => this.turn());
    this.queues.set(address, queue);
    queue.requests.push({ work, bytes });
    queue.bytes += bytes;
    this.bytes += bytes;
    this.count++;
    return promise;
  }

  private turn(): void {
    const endMs = this.now() + turnMs;
    do this.next();
    while (this.queues.size > 0 && this.now() < endMs);
    if (this.queues.size > 0) this.soon(() => this.turn());
  }

  /** Answers the oldest request of the address whose turn it is. */
  private next(): void {
    for (const [address, queue] of this.queues) {
      this.queues.delete(address);
      const request = queue.requests.shift();
      if (request === undefined) continue;
      queue.bytes -= request.bytes;
      this.bytes -= request.bytes;
      this.count--;
      if (queue.requests.length > 0) this.queues.set(address, queue);
      request.work();
      return;
    }
  }
}
