// A server of frames with TLS, and a client of it that is made of our own connection.

import type { Connection, FrameHandler } from "../../../src/transport/transport.ts";
import { readFileSync } from "node:fs";
import { readCertificate } from "../../../src/transport/tls/certificate.ts";
import { TlsContext } from "../../../src/transport/tls/tls-context.ts";
import { TcpConnection, tcpHandlers } from "../../../src/transport/tcp-connection.ts";
import type { SocketOwner } from "../../../src/transport/socket-owner.ts";
import type { Server, TransportOptions } from "../../../src/transport/transport.ts";
import type { Pair } from "../../support/certificates.ts";

export const loopback = { host: "127.0.0.1", port: 0 };

export function portOf({ address }: Pick<Server, "address">): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

export function contextOf(pair: Pair): TlsContext {
  return new TlsContext(readCertificate(pair, Date.now()));
}

/** Connects with TLS; `root` is the path of the root's certificate. */
export function dialSecure<Handler extends FrameHandler>(
  port: number,
  root: string,
  open: (connection: Connection) => Handler,
  options: TransportOptions,
): Promise<Handler> {
  return new Promise((resolve, reject) => {
    Bun.connect<SocketOwner | undefined>({
      hostname: "127.0.0.1",
      port,
      tls: { ca: readFileSync(root, "utf8") },
      socket: {
        ...tcpHandlers,
        handshake(socket, isDone, error) {
          if (!isDone) {
            reject(error ?? new Error("the handshake failed"));
            return;
          }
          const connection = new TcpConnection(socket, "127.0.0.1", options);
          socket.data = connection;
          connection.dialled((dialled) => {
            const handler = open(dialled);
            resolve(handler);
            return handler;
          });
        },
        connectError: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}
