// A connection that carries packets, whatever it is made of: a WebSocket anywhere, a TCP socket on Bun.

import { type CloseReason, CloseCode } from "../wire/close-reason.ts";

/** What a link tells its owner. `closed` comes once, after the last packet. */
export interface WireLinkEvents {
  packet(packet: Uint8Array): void;
  closed(reason: CloseReason): void;
}

/** An open link. */
export interface WireLink {
  send(packet: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Opens `ws://`, `wss://` or, on Bun, `tcp://host:port`. Rejects when it cannot be opened. */
export async function openWireLink(url: string, events: WireLinkEvents, timeoutMs: number): Promise<WireLink> {
  if (url.startsWith("tcp:")) {
    // Loaded only where it is asked for: browsers have no TCP, and their bundles none of this.
    const { openTcpLink } = await import("./tcp-link.ts");
    return openTcpLink(url, events, timeoutMs);
  }
  return openWebSocketLink(url, events, timeoutMs);
}

function openWebSocketLink(url: string, events: WireLinkEvents, timeoutMs: number): Promise<WireLink> {
  const { promise, resolve, reject } = Promise.withResolvers<WireLink>();
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let isOpen = false;
  const late = setTimeout(() => {
    reject(new Error(`no answer from ${url} within ${timeoutMs} ms`));
    socket.close();
  }, timeoutMs);
  socket.addEventListener("open", () => {
    clearTimeout(late);
    isOpen = true;
    resolve({
      send: (packet) => socket.send(packet),
      close: () => socket.close(CloseCode.Normal),
    });
  });
  socket.addEventListener("message", ({ data }) => {
    if (data instanceof ArrayBuffer) events.packet(new Uint8Array(data));
  });
  socket.addEventListener("close", ({ code, reason }) => {
    clearTimeout(late);
    if (isOpen) events.closed({ code, text: reason });
    else reject(new Error(`cannot connect to ${url}`));
  });
  return promise;
}
