// What another entry of the library, which a page may load later, adds to a client.

import type { MessageIndex } from "../wire/gen/messages/message-index.ts";
import type { Ask } from "./ask.ts";
import type { Environment } from "./environment.ts";

/** Is called in the order of the packets. */
export interface Extension {
  /** Each push, before the client takes it. `body` must not be changed. */
  pushed(command: string, body: Uint8Array): void;
  /** An entry of the log that is not a message, from a push or from the index: each once. */
  entry(entry: MessageIndex): void;
  /** The log goes on behind entries that nobody will tell. */
  jumped(): void;
  /** A message is being sent. */
  talked(partner: { readonly group: string } | { readonly account: string }): void;
}

/** What a client lends to its extension. */
export interface ExtensionHost {
  readonly environment: Environment;
  readonly ask: Ask;
  /** Reads the index, which has the entries of what this connection changes. */
  readIndex(this: void): void;
  /** The URL of the server that this client is connected to; '' while it is not. */
  server(this: void): string;
}
