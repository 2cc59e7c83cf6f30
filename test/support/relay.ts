// A port of loopback whose connections are each joined to another one.

import { createServer, type AddressInfo, type Socket } from "node:net";

export abstract class Relay {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => {
    const upstream = this.join(client);
    if (upstream === undefined) {
      client.destroy();
      return;
    }
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(socket);
      // A connection that breaks ends the other one: there is nothing more to do about it here.
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.sockets.delete(socket);
        this.otherEnded(other);
      });
    }
  });

  /** Connects a client and passes bytes on; returns undefined to refuse it. */
  protected abstract join(client: Socket): Socket | undefined;
  /** Ends a socket whose other one has ended. */
  protected abstract otherEnded(socket: Socket): void;

  protected listen(): Promise<void> {
    return new Promise((resolve) => void this.server.listen(0, "127.0.0.1", resolve));
  }

  get port(): number {
    const address: AddressInfo | string | null = this.server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** Ends all connections; new ones may come. */
  protected breakAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  stop(): void {
    this.breakAll();
    this.server.close();
  }
}
