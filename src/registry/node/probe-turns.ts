// Schedules health checks. An address receives at most one request a second, however many instances name it, because
// the instances choose where this node sends requests. Instances with the same URL share its answer; the URLs of one
// address wait in a queue, and a URL that finds it full is not checked this time.

import type { Clock } from "../../base/clock.ts";
import type { Cancel, Timers } from "../../base/timers.ts";

/** The interval of requests to one address. */
const turnMs = 1_000;
/** The length of an address's queue: the last URL's turn comes well before its lease expires. */
const queueMax = 20;

/** Requests a URL. Resolves with whether the status is 200 to 299; never rejects. */
export type Probe = (url: string) => Promise<boolean>;

/** The result of a check; undefined if it was not made. */
type ProbeAnswer = boolean | undefined;

interface Waiting {
  readonly answer: Promise<ProbeAnswer>;
  readonly settle: (answer: ProbeAnswer) => void;
}

/** The queue of an address (`host:port`), by URL, in order. */
interface Queue {
  readonly waiting: Map<string, Waiting>;
  /** Requests under way. */
  readonly asked: Map<string, Waiting>;
  askedAtMs: number;
  cancel: Cancel | undefined;
}

export class ProbeTurns {
  private readonly parts: { clock: Clock; timers: Timers; probe: Probe };
  private readonly queues = new Map<string, Queue>();
  private isStopped = false;

  constructor(parts: ProbeTurns["parts"]) {
    this.parts = parts;
  }

  /** Requests a URL in its turn. Never rejects. */
  ask(url: URL): Promise<ProbeAnswer> {
    if (this.isStopped) return Promise.resolve(undefined);
    const { href } = url;
    const address = addressOf(url);
    const queue = this.queues.getOrInsertComputed(address, () => {
      return { waiting: new Map(), asked: new Map(), askedAtMs: -Infinity, cancel: undefined };
    });
    const known = queue.asked.get(href) ?? queue.waiting.get(href);
    if (known !== undefined) return known.answer;
    if (queue.waiting.size >= queueMax) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<ProbeAnswer>();
    queue.waiting.set(href, { answer: promise, settle: resolve });
    this.goOn(address, queue);
    return promise;
  }

  /** Sends no further requests; pending ones resolve as not made. */
  stop(): void {
    this.isStopped = true;
    for (const { cancel, waiting, asked } of this.queues.values()) {
      cancel?.();
      for (const { settle } of [...waiting.values(), ...asked.values()]) settle(undefined);
    }
    this.queues.clear();
  }

  private goOn(address: string, queue: Queue): void {
    if (this.isStopped || queue.cancel !== undefined) return;
    const restMs = queue.askedAtMs + turnMs - this.parts.clock.monotonicMs();
    if (restMs > 0) {
      queue.cancel = this.parts.timers.after(restMs, () => {
        queue.cancel = undefined;
        this.goOn(address, queue);
      });
      return;
    }
    const [next] = queue.waiting;
    if (next === undefined) {
      if (queue.asked.size === 0) this.queues.delete(address);
      return;
    }
    const [url, waiting] = next;
    queue.waiting.delete(url);
    queue.asked.set(url, waiting);
    queue.askedAtMs = this.parts.clock.monotonicMs();
    void this.parts.probe(url).then((isWell) => {
      queue.asked.delete(url);
      waiting.settle(isWell);
      this.goOn(address, queue);
    });
    this.goOn(address, queue);
  }
}

/** Returns `host:port`, with the scheme's default port if none is given. */
function addressOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}
