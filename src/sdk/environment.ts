// What the client needs of the platform: timers, randomness, WebSockets, network events and HTTP. Tests replace parts.

import { watchBrowser } from "./browser-network.ts";
import { getText } from "./get-text.ts";
import { openWebSocket } from "./open-web-socket.ts";

/** Stops a timer; calling it late or twice does nothing. */
export type Cancel = () => void;

export interface Environment {
  /** A number in [0, 1), for jitter only. */
  random(): number;
  after(delayMs: number, action: () => void): Cancel;
  /** A fresh UUID: the default clientId of a talk. */
  newId(): string;
  /** As in `ClientOptions`. */
  readonly ca?: string;
  /** Opens a WebSocket; throws as the platform's constructor does. */
  openWebSocket(url: string, ca?: string): WebSocket | Promise<WebSocket>;
  /** Calls `doubt` whenever connections may have broken unnoticed, until the returned function is called. */
  watchNetwork(doubt: () => void): Cancel;
  /** Fetches a short text over HTTP; rejects if that fails, `signal` aborts, or the status is not 2xx. */
  getText(url: string, signal: AbortSignal, ca?: string): Promise<string>;
}

/** Returns a version 4 UUID (RFC 9562). crypto.randomUUID is missing on pages from insecure origins. */
function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const digits = Array.from(bytes, (byte, at) => {
    const value = at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte;
    return value.toString(16).padStart(2, "0");
  }).join("");
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => digits.slice(from, to))
    .join("-");
}

/** The implementation for browsers, Bun and Node. */
export const platform: Environment = {
  random: () => Math.random(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
  newId: newUuid,
  openWebSocket,
  watchNetwork: watchBrowser,
  getText,
};
