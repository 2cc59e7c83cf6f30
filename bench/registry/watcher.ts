// A client that watches one service by long polls: it asks again as soon as it is answered, with the version that it has.

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
      this.take(await this.connection.ask(getRequest(`/discovery/polls?${query.toString()}`)));
    }
  }

  private take({ tail, bodyBytes }: HttpAnswer): void {
    const end = tail.toString("latin1", Math.max(0, tail.length - tailBytesMin));
    const version = /"latest_timestamp":(\d+)\}\},"error":[^\]]*\]?\}\}$/.exec(end)?.[1];
    if (version === undefined) {
      // Its time is over and nothing has changed.
      if (end.startsWith('{"code":-304,')) return;
      throw new Error(`a long poll was answered with ${end}`);
    }
    this.version = version;
    this.listedAtMs = performance.now();
    this.lists++;
    this.bytes += bodyBytes;
    this.onList(tail);
  }
}
