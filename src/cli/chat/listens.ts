// Tries to reach a server by its URL, to explain a failed sign-in.

import { connect } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { codeOf } from "../failure.ts";

const answerMsMax = 1_000;

interface Place {
  readonly host: string;
  readonly port: number;
}

function placeOf(url: string): Place {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: port === "" ? (/^(wss|https):$/.test(protocol) ? 443 : 80) : Number(port) };
}

/** Resolves with true if the URL's host and port accept a TCP connection within a second. Never rejects. */
export function isListenedAt(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(placeOf(url));
    const end = (isAccepted: boolean): void => {
      socket.destroy();
      resolve(isAccepted);
    };
    socket.setTimeout(answerMsMax, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

/**
 * Resolves with what is wrong with the certificate of a server at a `wss://`, `tls://` or `https://` URL;
 * undefined if it can be verified, or none is shown within a second. `ca`: certificates in PEM that verify it instead
 * of the platform's.
 */
export function certificateFault(url: string, ca: string | undefined): Promise<string | undefined> {
  if (!/^(wss|tls|https):/.test(url)) return Promise.resolve(undefined);
  const { host, port } = placeOf(url);
  return new Promise((resolve) => {
    const socket = connectSecurely({ host, port, ...(ca === undefined ? {} : { ca }) });
    const end = (fault: string | undefined): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.setTimeout(answerMsMax, () => end(undefined));
    socket.once("secureConnect", () => end(undefined));
    // Failures of TLS itself, and those of the system, are about no certificate.
    socket.once("error", (error: Error) => end(/^(ERR_SSL_|E[A-Z]+$)/.test(codeOf(error)) ? undefined : error.message));
  });
}
