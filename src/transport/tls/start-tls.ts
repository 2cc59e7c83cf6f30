// Starts TLS on an accepted socket. The platform's upgradeTLS does so on the server's side, too, by three options that
// its types do not declare:
//
//   isServer           the handshake of a server
//   initialData        bytes that were read before, for example behind a header of the PROXY protocol
//   tls.secureContext  a context that is parsed already, instead of PEM
//
// Order of events: first bytes -> upgradeTLS -> `handshake` on the secure socket -> its `data`. The plain socket goes
// on to report what it reads, as ciphertext, but as another object (SecuredPair), to whose owner that goes.

import type { Socket, SocketHandler, TLSOptions } from "bun";
import type { TlsContext } from "./tls-context.ts";

/** What a client may send before the handshake is done: one is below 4 KB without a client certificate. */
export const handshakeBytesMax = 64 * 1024;
/** The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1). */
const handshakeRecord = 22;

/** Reports whether the first bytes of a connection begin TLS. */
export function beginsTls(chunk: Uint8Array): boolean {
  return chunk[0] === handshakeRecord;
}

/** What upgradeTLS takes beyond its declared options. */
interface ServerUpgrade<Owner> {
  readonly isServer: true;
  readonly initialData: Buffer;
  readonly tls: TLSOptions & { readonly secureContext: object };
  readonly data: Owner;
  readonly socket: SocketHandler<Owner | undefined>;
}

/** The two sockets of a connection with TLS. Both have the same data at first. */
export interface SecuredPair<Owner> {
  /** Reports ciphertext. The socket that was accepted has no events any more. */
  readonly plain: Socket<Owner | undefined>;
  readonly secure: Socket<Owner | undefined>;
}

/**
 * Starts a handshake with the context's present certificate.
 * @param owner the data of both sockets; events of the secure one go to `secureHandlers`.
 * @returns undefined if the peer is gone, which the `close` of `socket` will say.
 */
export function startTls<Owner>(
  socket: Socket<Owner | undefined>,
  owner: Owner,
  parts: {
    /** What was read already. */
    readonly initialData: Buffer;
    readonly tls: TlsContext;
    readonly secureHandlers: SocketHandler<Owner | undefined>;
  },
): SecuredPair<Owner> | undefined {
  const options: ServerUpgrade<Owner> = {
    isServer: true,
    initialData: parts.initialData,
    // Who starts it judges the peer's certificate by `authorized`, and can tell why it is refused.
    tls: { secureContext: parts.tls.native, requestCert: parts.tls.isMutual, rejectUnauthorized: false },
    data: owner,
    socket: parts.secureHandlers,
  };
  const pair: readonly Socket<Owner | undefined>[] | undefined = socket.upgradeTLS<Owner | undefined>(options);
  const [plain, secure] = pair ?? [];
  return plain && secure && { plain, secure };
}
