// A transport over a WebSocket: one packet is one binary message. Works with the WebSocket of browsers, Bun and Node.

import { type CloseReason, closeAbnormal, closeProtocolFault, CloseCode } from "../wire/close-reason.ts";
import type { Environment } from "./environment.ts";
import { troubleOf } from "./tls-trouble.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** A close event follows an error event immediately, except on Node 22 if no connection was made. */
const closeWaitMs = 100;

export class WebSocketTransport implements Transport {
  private readonly socket: WebSocket;
  private sink: TransportSink | undefined;
  /** Why it did not open, as far as the platform says: Bun does. */
  private trouble = "";

  /** `socket` was just created and has not fired any event. */
  constructor(socket: WebSocket, url: string, environment: Environment, sink: TransportSink) {
    this.sink = sink;
    this.socket = socket;
    this.socket.binaryType = "arraybuffer";
    let isOpened = false;
    this.socket.onopen = () => {
      isOpened = true;
      this.sink?.open();
    };
    this.socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) {
        if (data.byteLength > 0) this.sink?.packet(new Uint8Array(data));
        return;
      }
      const { sink: receiver } = this;
      const fault = closeProtocolFault("a message from the server was not binary");
      this.close(fault);
      receiver?.closed(fault);
    };
    this.socket.onclose = ({ code, reason }) =>
      this.end({ code, text: reason === "" && !isOpened ? this.trouble : reason });
    // The close event has a better reason, if the connection was open.
    this.socket.onerror = (event) => {
      this.trouble = `no connection to ${url}${detailOf(event)}`;
      environment.after(closeWaitMs, () => this.end({ ...closeAbnormal, text: this.trouble }));
    };
  }

  send(packet: Uint8Array<ArrayBuffer>): void {
    if (this.sink !== undefined && this.socket.readyState === 1) this.socket.send(packet);
  }

  close({ code, text }: CloseReason): void {
    this.sink = undefined;
    // The peer does not answer a closing handshake any more; browsers cannot terminate.
    if (code === CloseCode.Abnormal && "terminate" in this.socket && typeof this.socket.terminate === "function") {
      this.socket.terminate();
      return;
    }
    // Clients may send only 1000 and 3000 to 4999, with at most 123 bytes of text (WHATWG WebSockets, close).
    if (code === CloseCode.Normal || code >= 3000) this.socket.close(code, text.slice(0, 40));
    else this.socket.close();
  }

  private end(reason: CloseReason): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.closed(reason);
  }
}

/** What an error event tells beyond the URL: `: certificate has expired`; nothing in browsers. */
function detailOf(event: Event): string {
  const message = "message" in event && typeof event.message === "string" ? event.message : "";
  return message === "" ? "" : `: ${troubleOf(message.replace(/^WebSocket connection to '[^']*' failed: /, ""))}`;
}
