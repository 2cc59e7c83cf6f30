// A client of the scenario `failover`: says something to its neighbour every 20 ms, one talk after another, and repeats
// what was refused under the same clientId until it is stored. It knows which node answers by the ids of its messages.

import { RequestRefused, RequestTimedOut } from "../../src/sdk/client-errors.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { nodeOfId } from "../../src/store/snowflake.ts";

/** Between two talks, and before a repetition. */
const paceMs = 20;
/** A talk that is not stored by then fails the run. */
const storedMsMax = 15_000;

export class Talker {
  readonly account: string;
  /** Lengths of the waits in which it lost its node, of those that were watched. */
  readonly gapsMs: number[] = [];
  /** The longest of all other waits from one Success to the next. */
  waitMsMax = 0;
  /** performance.now() of the last Success that was no repetition. */
  freshMs = 0;
  /** The number of the node that gave it. */
  node = -1;
  refused = 0;
  /** Talks of its own that are stored, as their receiver will name them. */
  readonly stored = new Set<string>();
  /** Ids of the messages that came, by their names. */
  readonly received = new Map<string, bigint>();
  /** Messages that came twice, or were stored twice. */
  duplicated = 0;
  private readonly client: RoostClient;
  private lastMs = performance.now();
  private watchedNode: number | undefined;
  private isOver = false;

  private constructor(account: string, client: RoostClient) {
    this.account = account;
    this.client = client;
    client.on("message", ({ id, sender, body }) => {
      const name = `${sender} ${body}`;
      if (this.received.has(name)) this.duplicated++;
      this.received.set(name, id);
    });
  }

  /** Signs in at a gateway, `tcp://host:port`. */
  static async connect(url: string, account: string, token: () => Promise<string>): Promise<Talker> {
    return new Talker(account, await RoostClient.connect({ url, token, talkTriesMax: 1 }));
  }

  /** Talks until it is stopped. Throws when a talk is refused for good, or cannot be stored. */
  async talkTo(receiver: string): Promise<void> {
    this.lastMs = performance.now();
    for (let number = 0, dueMs = this.lastMs + Math.random() * paceMs; !this.isOver; number++) {
      await Bun.sleep(dueMs - performance.now());
      await this.talk(receiver, String(number));
      // One in flight: what came late puts off the rest.
      dueMs = Math.max(dueMs + paceMs, performance.now());
    }
  }

  stop(): void {
    this.isOver = true;
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** From here on: a wait that ends with another node's Success, or with one of a repetition, is a gap. */
  watch(): void {
    this.watchedNode = this.node;
  }

  unwatch(): void {
    this.watchedNode = undefined;
  }

  private async talk(receiver: string, body: string): Promise<void> {
    const clientId = `${this.account} ${body}`;
    const endMs = performance.now() + storedMsMax;
    for (let tries = 1; ; tries++) {
      try {
        const { id } = await this.client.talkToUser(receiver, { body }, { clientId });
        this.stored.add(`${this.account} ${body}`);
        this.succeeded(nodeOfId(id), tries > 1);
        return;
      } catch (error) {
        const isTransient = error instanceof RequestTimedOut || (error instanceof RequestRefused && error.isTransient);
        if (!isTransient || performance.now() > endMs) throw error;
        this.refused++;
        await Bun.sleep(paceMs);
      }
    }
  }

  private succeeded(node: number, isRepeated: boolean): void {
    const nowMs = performance.now();
    const waitedMs = nowMs - this.lastMs;
    this.lastMs = nowMs;
    if (this.watchedNode !== undefined && (isRepeated || node !== this.watchedNode)) {
      this.watchedNode = undefined;
      this.gapsMs.push(waitedMs);
    } else this.waitMsMax = Math.max(this.waitMsMax, waitedMs);
    // A repetition is answered with the id that the message got at first, perhaps by a node that is no more.
    if (isRepeated) return;
    this.node = node;
    this.freshMs = nowMs;
  }
}
