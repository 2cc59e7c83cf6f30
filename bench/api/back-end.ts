// A back end that sends over connections which it keeps, one request at a time on each. In a closed loop each sends its
// next request when the last is answered; in an open loop those that are free send what is due, and are measured from
// then on.

import type { Load } from "../generator/load.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import { HttpConnection } from "../registry/http-connection.ts";
import type { Findings } from "../result.ts";
import { DueRequests } from "./due-requests.ts";

const tellMs = 200;
/** Of what an open loop should have had answered while it was measured; less means that something was held up. */
const answeredMin = 0.98;
/** A measurement of which nothing was answered goes on until something is, at most so much longer. */
const extraMsMax = 10_000;
/** Answers are counted and not read. */
const tailBytesMax = 1;

export class BackEnd {
  /** By connection: the request that it repeats, and how often it was answered. */
  private readonly requests: readonly Buffer[];
  private readonly answered: number[];
  private readonly connections: readonly HttpConnection[];
  private readonly latency = new Latency();
  private answersMeasured = 0;
  private fromMs = Infinity;
  private untilMs = Infinity;

  private constructor(connections: readonly HttpConnection[], requests: readonly Buffer[]) {
    this.connections = connections;
    this.requests = requests;
    this.answered = connections.map(() => 0);
  }

  /** A connection for each request. */
  static async connect(port: number, requests: readonly Buffer[]): Promise<BackEnd> {
    const connections = await Promise.all(requests.map(() => HttpConnection.connect(port, tailBytesMax)));
    return new BackEnd(connections, requests);
  }

  /** How often the request of a connection was answered. */
  answersOf(connection: number): number {
    return this.answered[connection] ?? 0;
  }

  /** Sends for a while, and measures after a warm-up. Throws a sentence when anything is refused or lost. */
  async run({ target, settings, tell }: Load): Promise<Findings> {
    const { warmUpMs, rate } = settings;
    const measuredMs = settings.seconds * 1_000;
    const due = new DueRequests(rate);
    const work = Promise.all(this.connections.map((connection, at) => this.repeat(connection, at, due)));
    work.catch(() => undefined);
    const wait = async (forMs: number, phase: string): Promise<void> => {
      const endMs = performance.now() + forMs;
      for (let leftMs = forMs; leftMs > 0; leftMs = endMs - performance.now()) {
        tell(phase, 1 - leftMs / forMs);
        await Promise.race([Bun.sleep(Math.min(leftMs, tellMs)), work]);
      }
    };
    try {
      await wait(warmUpMs, "warming up");
      const before = usageOf(target);
      this.fromMs = performance.now();
      const extraEndMs = this.fromMs + measuredMs + extraMsMax;
      do {
        this.untilMs = performance.now() + measuredMs;
        await wait(measuredMs, "measuring");
      } while (this.latency.count === 0 && performance.now() < extraEndMs);
      const seconds = (this.untilMs - this.fromMs) / 1_000;
      const shares = sharesBetween(before, usageOf(target));
      due.end();
      await work;
      const perSecond = this.answersMeasured / seconds;
      const doubts = [
        isGeneratorFree(shares) ? [] : ["the generator was the bottleneck"],
        perSecond >= answeredMin * rate ? [] : ["not all that was due was answered"],
        this.latency.count > 0 ? [] : ["nothing was due while it was measured"],
      ].flat();
      const answered = this.answered.reduce((total, count) => total + count, 0);
      return {
        connections: this.connections.length,
        rate: rate === 0 ? null : rate,
        seconds,
        sent: answered,
        answered,
        per_second: Math.round(perSecond),
        ...this.latency.fields(),
        ...usageFields(target, shares),
        cpu_us_per_request: Math.round((shares.busiest / Math.max(1, perSecond)) * 1e7) / 10,
        valid: doubts.length === 0,
        ...(doubts.length === 0 ? {} : { doubt: doubts.join(", ") }),
      };
    } finally {
      due.end();
    }
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }

  private async repeat(connection: HttpConnection, at: number, due: DueRequests): Promise<void> {
    const request = this.requests[at];
    if (request === undefined) throw new Error(`connection ${at} has no request`);
    for (;;) {
      const dueMs = await due.next();
      if (dueMs === undefined) return;
      await connection.ask(request);
      this.answered[at] = this.answersOf(at) + 1;
      const nowMs = performance.now();
      if (nowMs >= this.fromMs && nowMs < this.untilMs) this.answersMeasured++;
      if (dueMs >= this.fromMs && dueMs < this.untilMs) this.latency.record(dueMs, nowMs);
    }
  }
}
