// A way between two processes that a test can cut, or on which it changes what they say: takes TCP connections at one
// port and passes their bytes on to another.

import { createConnection, createServer, type Server, type Socket } from "node:net";

export class LinkProxy {
  private readonly server: Server;
  private readonly change: (chunk: Buffer) => Buffer;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  /** Connections that came. */
  taken = 0;

  private constructor(server: Server, change: (chunk: Buffer) => Buffer) {
    this.server = server;
    this.change = change;
  }

  /** Takes connections at a port of `host` for another one; `change` sees, and may change, all that passes. */
  static start(
    port: number,
    targetPort: number,
    change: (chunk: Buffer) => Buffer = (chunk) => chunk,
    host = "127.0.0.1",
  ): Promise<LinkProxy> {
    const { promise, resolve, reject } = Promise.withResolvers<LinkProxy>();
    const server = createServer();
    const proxy = new LinkProxy(server, change);
    server.on("connection", (near) => proxy.pass(near, createConnection(targetPort, host)));
    server.on("error", reject);
    server.listen(port, host, () => resolve(proxy));
    return promise;
  }

  /** Ends all connections as a broken network does. */
  cut(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  stop(): void {
    this.cut();
    this.server.close();
  }

  private pass(near: Socket, far: Socket): void {
    this.taken++;
    const pair = [near, far] as const;
    this.pairs.add(pair);
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on("data", (chunk: Buffer) => other.write(this.change(chunk)));
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        this.pairs.delete(pair);
      });
    }
  }
}
