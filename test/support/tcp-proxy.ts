// A network that a test can break: passes bytes on to a port of this machine, or swallows the answers. It may begin
// each connection with a header, as a load balancer does.

import { connect, type Socket } from "node:net";
import { Relay } from "./relay.ts";

export class TcpProxy extends Relay {
  /** True: what the server answers is lost; connections stay up. */
  losesAnswers = false;
  /** True: connections that come are closed at once. */
  isShut = false;
  private toPort: number;
  private readonly header: Uint8Array | undefined;

  private constructor(toPort: number, header: Uint8Array | undefined) {
    super();
    this.toPort = toPort;
    this.header = header;
  }

  static async start(toPort: number, header?: Uint8Array): Promise<TcpProxy> {
    const proxy = new TcpProxy(toPort, header);
    await proxy.listen();
    return proxy;
  }

  protected override join(client: Socket): Socket | undefined {
    if (this.isShut) return undefined;
    const upstream = connect(this.toPort, "127.0.0.1");
    if (this.header !== undefined) upstream.write(this.header);
    client.on("data", (data) => upstream.write(data));
    upstream.on("data", (data) => {
      if (!this.losesAnswers) client.write(data);
    });
    return upstream;
  }

  protected override otherEnded(socket: Socket): void {
    socket.destroy();
  }

  /** Connections that come are passed on to another port; those that are there stay. */
  sendNewTo(port: number): void {
    this.toPort = port;
  }

  /** Breaks all connections; those that come are passed on to another port. */
  switchTo(port: number): void {
    this.toPort = port;
    this.breakAll();
  }
}
