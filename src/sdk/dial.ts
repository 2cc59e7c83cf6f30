// Chooses the transport for a URL. The TCP transport is imported dynamically, so that a page never loads it.

import type { Environment } from "./environment.ts";
import type { Transport, TransportSink } from "./transport.ts";
import { WebSocketTransport } from "./web-socket-transport.ts";

/**
 * Opens a transport: `ws://` and `wss://` everywhere, `tcp://host:port` and `tls://host:port` on Bun.
 * @throws TypeError for any other URL
 */
export async function dial(url: string, environment: Environment, sink: TransportSink): Promise<Transport> {
  if (/^wss?:\/\//.test(url)) {
    return new WebSocketTransport(await environment.openWebSocket(url, environment.ca), url, environment, sink);
  }
  if (/^(tcp|tls):\/\//.test(url)) {
    if (typeof Bun === "undefined") throw new TypeError("tcp:// and tls:// URLs need Bun; use ws:// or wss:// here");
    const { TcpTransport } = await import("./tcp-transport.ts");
    return new TcpTransport(url, sink, environment.ca);
  }
  throw new TypeError(`the server's URL must begin with ws://, wss://, tcp:// or tls://: ${url}`);
}
