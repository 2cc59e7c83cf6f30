// A port of loopback whose connections go on within TLS to another one, from an address of choice: for clients without
// TLS, and for clients that are to have different addresses.

import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as secure } from "node:tls";
import { Relay } from "./relay.ts";

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

export class TlsTunnel extends Relay {
  private readonly target: Target;

  private constructor(target: Target) {
    super();
    this.target = target;
  }

  static async start(target: Target): Promise<TlsTunnel> {
    const tunnel = new TlsTunnel(target);
    await tunnel.listen();
    return tunnel;
  }

  protected override join(client: Socket): Socket {
    const upstream = connectSecurely(this.target);
    client.pipe(upstream).pipe(client);
    return upstream;
  }

  /** What was received is passed on before the end. */
  protected override otherEnded(socket: Socket): void {
    socket.destroySoon();
  }
}
