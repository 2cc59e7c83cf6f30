// Connections with TLS that cost the generator little: they share one parsed context, verify no certificate, and
// exchange keys by X25519 alone (a hybrid with ML-KEM costs both sides a fifth more). Even so a handshake costs the
// client more than the server. No session is resumed.

import { createSecureContext } from "node:tls";

/** The platform takes a parsed context instead of PEM, although its types do not say so. */
interface SharedContext extends Bun.TLSOptions {
  readonly secureContext: unknown;
}

let shared: SharedContext | undefined;

function sharedContext(): SharedContext {
  const { context: secureContext } = createSecureContext({ ecdhCurve: "X25519" });
  return { secureContext, rejectUnauthorized: false };
}

/** Connects; resolves when the handshake is done. Rejects if there is no connection, or no handshake. */
export async function secured(
  hostname: string,
  port: number,
  handlers: Bun.SocketHandler<undefined>,
): Promise<Bun.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Bun.Socket>();
  promise.catch(() => undefined);
  await Bun.connect<undefined>({
    hostname,
    port,
    tls: (shared ??= sharedContext()),
    socket: {
      ...handlers,
      handshake(socket, isDone, error) {
        // That the certificate was not verified is an error, too, of a handshake that is done.
        if (isDone) resolve(socket);
        else reject(error ?? new Error("the handshake failed"));
      },
      close(socket, error) {
        reject(error ?? new Error("the server ended the connection during the handshake"));
        return handlers.close?.(socket, error);
      },
    },
  });
  return promise;
}
