// A port of loopback whose connections go on within TLS to another one, from an address of choice: for clients without
// TLS, and for clients that are to have different addresses.

import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as secure } from "node:tls";

interface Target {
  readonly port: number;
  /** The name in the certificate, and the path of a certificate of its authority. */
  readonly name: string;
  readonly authority: string;
  /** The client's address: where connections come from and go to. Default 127.0.0.1. */
  readonly address?: string;
}

/** Opens a connection within TLS, whose certificate must fit. */
export function connectSecurely({ port, name, authority, address = "127.0.0.1" }: Target): Socket {
  const socket = connect({ host: address, port, localAddress: address });
  return secure({ socket, servername: name, ca: readFileSync(authority) });
}

export class TlsTunnel {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(target: Target) {
    this.server = createServer((client) => {
      const upstream = connectSecurely(target);
      client.pipe(upstream).pipe(client);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          this.sockets.delete(socket);
          other.destroySoon();
        });
      }
    });
  }

  static async start(target: Target): Promise<TlsTunnel> {
    const tunnel = new TlsTunnel(target);
    await new Promise<void>((resolve) => tunnel.server.listen(0, "127.0.0.1", resolve));
    return tunnel;
  }

  get port(): number {
    const address: AddressInfo | string | null = this.server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}
