// The order of health checks. An address gets at most one request a second, however many instances name it, because the
// instances choose where this node sends requests. Instances with the same URL share its answer; URLs of one address
// wait in a queue, and a URL that finds the queue full is not checked this time.

import type { Clock } from "../../base/clock.ts";
import type { Cancel, Timers } from "../../base/timers.ts";

/** Between two questions to one address. */
const turnMs = 1_000;
/** URLs of one address that wait for their turns: the last of them well before its lease is missed. */
const lineMax = 20;

/** Asks a URL; resolves with whether the answer's status was 200 to 299, and never rejects. */
export type Probe = (url: string) => Promise<boolean>;

/** What an instance's question came to; undefined: it was not asked. */
type ProbeAnswer = boolean | undefined;

interface Waiting {
  readonly answer: Promise<ProbeAnswer>;
  readonly settle: (answer: ProbeAnswer) => void;
}

/** An address (`host:port`), with the URLs that wait by their text, the first of them first. */
interface Line {
  readonly waiting: Map<string, Waiting>;
  /** Those whose question is under way. */
  readonly asked: Map<string, Waiting>;
  askedAtMs: number;
  cancel: Cancel | undefined;
}

export class ProbeTurns {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly probe: Probe;
  private readonly lines = new Map<string, Line>();
  private isStopped = false;

  constructor(parts: { clock: Clock; timers: Timers; probe: Probe }) {
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.probe = parts.probe;
  }

  /** Addresses that are remembered: those asked within a second, and those with a line. */
  get size(): number {
    return this.lines.size;
  }

  /** Asks a URL when its turn comes. Never rejects. */
  ask(url: URL): Promise<ProbeAnswer> {
    if (this.isStopped) return Promise.resolve(undefined);
    const { href } = url;
    const address = addressOf(url);
    let line = this.lines.get(address);
    if (line === undefined) {
      line = { waiting: new Map(), asked: new Map(), askedAtMs: -Infinity, cancel: undefined };
      this.lines.set(address, line);
    }
    const known = line.asked.get(href) ?? line.waiting.get(href);
    if (known !== undefined) return known.answer;
    if (line.waiting.size >= lineMax) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<ProbeAnswer>();
    line.waiting.set(href, { answer: promise, settle: resolve });
    this.goOn(address, line);
    return promise;
  }

  /** Sends no further requests; those that wait resolve as not asked. */
  stop(): void {
    this.isStopped = true;
    for (const { cancel, waiting, asked } of this.lines.values()) {
      cancel?.();
      for (const { settle } of [...waiting.values(), ...asked.values()]) settle(undefined);
    }
    this.lines.clear();
  }

  private goOn(address: string, line: Line): void {
    if (this.isStopped || line.cancel !== undefined) return;
    const restMs = line.askedAtMs + turnMs - this.clock.monotonicMs();
    if (restMs > 0) {
      line.cancel = this.timers.after(restMs, () => {
        line.cancel = undefined;
        this.goOn(address, line);
      });
      return;
    }
    const [next] = line.waiting;
    if (next === undefined) {
      if (line.asked.size === 0) this.lines.delete(address);
      return;
    }
    const [url, waiting] = next;
    line.waiting.delete(url);
    line.asked.set(url, waiting);
    line.askedAtMs = this.clock.monotonicMs();
    void this.probe(url).then((isWell) => {
      line.asked.delete(url);
      waiting.settle(isWell);
      this.goOn(address, line);
    });
    this.goOn(address, line);
  }
}

/** The port is in it even where the scheme implies it. */
function addressOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}
