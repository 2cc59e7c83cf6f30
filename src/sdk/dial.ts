// Which kind of line a URL asks for. The TCP line is imported only where it is used, so that a page never loads it.

import type { Environment } from "./environment.ts";
import type { Line, LineSink } from "./line.ts";
import { WebSocketLine } from "./web-socket-line.ts";

/**
 * Opens a line: `ws://` and `wss://` everywhere, `tcp://host:port` on Bun.
 * @throws TypeError for any other URL
 */
export async function dial(url: string, environment: Environment, sink: LineSink): Promise<Line> {
  if (/^wss?:\/\//.test(url)) {
    return new WebSocketLine(await environment.openWebSocket(url), url, environment, sink);
  }
  if (url.startsWith("tcp://")) {
    if (typeof Bun === "undefined") throw new TypeError("tcp:// URLs need Bun; use ws:// or wss:// here");
    const { TcpLine } = await import("./tcp-line.ts");
    return new TcpLine(url, sink);
  }
  throw new TypeError(`the server's URL must begin with ws://, wss:// or tcp://: ${url}`);
}
