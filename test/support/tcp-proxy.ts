// A network that a test can break: passes bytes on to a port of this machine, or swallows the answers. It may begin
// each connection with a header, as a load balancer does.

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class TcpProxy {
  /** True: what the server answers is lost; connections stay up. */
  losesAnswers = false;
  /** True: connections that come are closed at once. */
  isShut = false;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private toPort: number;

  private constructor(toPort: number, header: Uint8Array | undefined) {
    this.toPort = toPort;
    this.server = createServer((client) => {
      if (this.isShut) {
        client.destroy();
        return;
      }
      const upstream = connect(this.toPort, "127.0.0.1");
      if (header !== undefined) upstream.write(header);
      client.on("data", (data) => upstream.write(data));
      upstream.on("data", (data) => {
        if (!this.losesAnswers) client.write(data);
      });
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(socket);
        // A connection that breaks ends the other one: there is nothing more to do about it here.
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          this.sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  static async start(toPort: number, header?: Uint8Array): Promise<TcpProxy> {
    const proxy = new TcpProxy(toPort, header);
    await new Promise<void>((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    const address: AddressInfo | string | null = this.server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** Connections that come are passed on to another port; those that are there stay. */
  sendNewTo(port: number): void {
    this.toPort = port;
  }

  /** Breaks all connections; those that come are passed on to another port. */
  switchTo(port: number): void {
    this.toPort = port;
    for (const socket of this.sockets) socket.destroy();
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}
