// Tests whether a server listens at a URL, to explain a failed sign-in.

import { connect } from "node:net";

const answerMsMax = 1_000;

/** Resolves with true if the URL's host and port accept a TCP connection within a second. Never rejects. */
export function isListenedAt(url: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    const socket = connect({ host, port: port === "" ? (/^(wss|https):$/.test(protocol) ? 443 : 80) : Number(port) });
    const end = (isAccepted: boolean): void => {
      socket.destroy();
      resolve(isAccepted);
    };
    socket.setTimeout(answerMsMax, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
