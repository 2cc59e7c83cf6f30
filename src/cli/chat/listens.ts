// Whether anybody listens at a server's URL: a client that cannot sign in knows only that its connection came to
// nothing.

import { connect } from "node:net";

const answerMsMax = 1_000;

/** True when a TCP connection to the URL's host and port is accepted within a second. Never rejects. */
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
