// Talks over some URLs with TLS, and handshakes beside them, until `end`: what is lost while certificates change.

import { until } from "../../scripts/harness/until.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import type { TlsStage } from "./tls-stage.ts";

/** What must not be lost. */
interface Losses {
  /** Talks that were acknowledged to their sender and have not arrived. */
  readonly lost: number;
  /** Connections of clients that ended. */
  readonly dropped: number;
  /** Why handshakes failed. */
  readonly refused: readonly string[];
}

/** Talks per URL. */
const pairs = 2;

export class TlsLoad {
  private readonly stage: TlsStage;
  private readonly running = new AbortController();
  private readonly clients: RoostClient[] = [];
  private readonly refused: string[] = [];
  private work: Promise<unknown> = Promise.resolve();
  private sent = 0;
  private received = 0;
  private dropped = 0;
  private handshakes = 0;

  private constructor(stage: TlsStage) {
    this.stage = stage;
  }

  /** Resolves when the load runs. */
  static async start(
    stage: TlsStage,
    urls: readonly string[],
    token: (account: string) => Promise<string>,
  ): Promise<TlsLoad> {
    const load = new TlsLoad(stage);
    const all = urls.flatMap((url, at) => [
      ...Array.from({ length: pairs }, (_, pair) => load.talk(url, `sender-${at}-${pair}`, token)),
      load.knock(url),
    ]);
    load.work = Promise.all(all);
    load.work.catch(() => undefined);
    await load.goesOn();
    return load;
  }

  /** Resolves when there were some more talks and handshakes. */
  async goesOn(): Promise<void> {
    const [talks, handshakes] = [this.sent + 20, this.handshakes + 20];
    const isOver = this.work.then(() => undefined);
    await Promise.race([
      isOver,
      until(() => this.sent >= talks && this.handshakes + this.refused.length >= handshakes, "the load goes on"),
    ]);
  }

  /** Ends the load, and waits for what was sent. */
  async end(): Promise<Losses> {
    this.running.abort();
    await this.work;
    await until(() => this.received >= this.sent, "every talk arrives").catch(() => undefined);
    const { dropped, refused } = this;
    await Promise.all(this.clients.splice(0).map((client) => client.close()));
    return { lost: this.sent - this.received, dropped, refused };
  }

  private async talk(url: string, name: string, token: (account: string) => Promise<string>): Promise<void> {
    const to = `${name}-to`;
    await this.connect(url, await token(to));
    const client = await this.connect(url, await token(name));
    for (let i = 0; !this.running.signal.aborted; i++) {
      await client.talkToUser(to, { body: `${name} ${i}` });
      this.sent++;
    }
  }

  private async connect(url: string, token: string): Promise<RoostClient> {
    const client = await RoostClient.connect({
      url,
      ca: this.stage.ca,
      token,
      reconnect: false,
      on: {
        message: () => void this.received++,
        offline: () => void (this.running.signal.aborted || this.dropped++),
      },
    });
    this.clients.push(client);
    return client;
  }

  private async knock(url: string): Promise<void> {
    while (!this.running.signal.aborted)
      await this.stage.served(url).then(
        () => this.handshakes++,
        (error: unknown) => this.refused.push(`${url}: ${String(error)}`),
      );
  }
}
