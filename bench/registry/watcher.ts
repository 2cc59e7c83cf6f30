// A client that watches one service by long polls: it asks again as soon as it is answered, with the version that it
// has, or when the node says if that has no room for the answer.

import { type HttpAnswer, HttpConnection, getRequest } from "./http-connection.ts";
import { env } from "./instances.ts";

/** More than what follows the version in an answer. */
const tailBytesMin = 256;

export class Watcher {
  /** What it knows of the service; '0' before the first list. */
  version = "0";
  /** When the last list came, by this process's clock. */
  listedAtMs = 0;
  lists = 0;
  bytes = 0;
  /** Polls that the node had no room to answer. */
  refused = 0;
  private readonly connection: HttpConnection;
  private readonly appid: string;
  private readonly name: string;
  private readonly onList: (body: Buffer) => void;
  private isClosed = false;

  private constructor(connection: HttpConnection, appid: string, name: string, onList: (body: Buffer) => void) {
    this.connection = connection;
    this.appid = appid;
    this.name = name;
    this.onList = onList;
  }

  /** Begins to watch. `onList` gets the end of each list, at most `tailBytesMax` of it. */
  static async start(
    options: { readonly port: number; readonly appid: string; readonly name: string; readonly tailBytesMax?: number },
    onList: (body: Buffer) => void,
    onFailure: (error: unknown) => void,
  ): Promise<Watcher> {
    const connection = await HttpConnection.connect(options.port, options.tailBytesMax ?? tailBytesMin);
    const watcher = new Watcher(connection, options.appid, options.name, onList);
    watcher.watch().catch(onFailure);
    return watcher;
  }

  close(): void {
    this.isClosed = true;
    this.connection.close();
  }

  private async watch(): Promise<void> {
    while (!this.isClosed) {
      const query = new URLSearchParams({
        env,
        hostname: this.name,
        appid: this.appid,
        latest_timestamp: this.version,
      });
      const waitMs = this.take(await this.connection.ask(getRequest(`/discovery/polls?${query.toString()}`)));
      if (waitMs > 0) await Bun.sleep(waitMs);
    }
  }

  /** Returns how long to wait before the next poll, in milliseconds. */
  private take({ tail, bodyBytes }: HttpAnswer): number {
    const end = tail.toString("latin1", Math.max(0, tail.length - tailBytesMin));
    const version = /"latest_timestamp":(\d+)\}\},"error":[^\]]*\]?\}\}$/.exec(end)?.[1];
    if (version === undefined) {
      // Its time is over and nothing has changed.
      if (end.startsWith('{"code":-304,')) return 0;
      if (end.startsWith('{"code":-509,')) {
        this.refused++;
        return 1_000 * Number(/"ttl":(\d+)\}$/.exec(end)?.[1] ?? 1);
      }
      throw new Error(`a long poll was answered with ${end}`);
    }
    this.version = version;
    this.listedAtMs = performance.now();
    this.lists++;
    this.bytes += bodyBytes;
    this.onList(tail);
    return 0;
  }
}
