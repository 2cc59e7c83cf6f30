// Where a ticket of the server leads.

import { Disconnected } from "../client-errors.ts";
import { FileRefused } from "./file-refused.ts";

/**
 * An address of the server itself is relative to that of its WebSocket listener. `server`: the URL of the connection,
 * '' without one.
 * @throws Disconnected, or FileRefused over TCP, for such an address
 */
export function fileUrl(url: string, server: string): string {
  if (!url.startsWith("/")) return url;
  if (server === "") throw new Disconnected({ code: 1006, text: "the connection ended before the transfer began" });
  if (!/^wss?:/.test(server))
    throw new FileRefused(0, "the files are at the server's WebSocket listener: connect there, by ws:// or wss://");
  return new URL(url, server.replace(/^ws/, "http")).href;
}
