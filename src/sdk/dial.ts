// Chooses the transport for a URL. The TCP transport is imported dynamically, so that a page never loads it.

import type { Environment } from "./environment.ts";
import type { Transport, TransportSink } from "./transport.ts";
import { WebSocketTransport } from "./web-socket-transport.ts";

/**
 * Opens a transport: `ws://` and `wss://` everywhere, `tcp://host:port` on Bun.
 * @throws TypeError for any other URL
 */
export async function dial(url: string, environment: Environment, sink: TransportSink): Promise<Transport> {
  if (/^wss?:\/\//.test(url)) {
    return new WebSocketTransport(await environment.openWebSocket(url), url, environment, sink);
  }
  if (url.startsWith("tcp://")) {
    if (typeof Bun === "undefined") throw new TypeError("tcp:// URLs need Bun; use ws:// or wss:// here");
    const { TcpTransport } = await import("./tcp-transport.ts");
    return new TcpTransport(url, sink);
  }
  throw new TypeError(`the server's URL must begin with ws://, wss:// or tcp://: ${url}`);
}
