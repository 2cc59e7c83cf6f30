// The options of the terminal client.

import type { Streams } from "./screen.ts";

export interface ChatOptions extends Streams {
  readonly url: readonly string[];
  /** Registry nodes; the servers that they name are tried before `url`. */
  readonly lookup?: readonly string[];
  /** Certificates (PEM) that verify those of servers, instead of the system's. */
  readonly ca?: string;
  /** A token, or a function that returns one for each sign-in: a conversation may outlast a token. */
  readonly token: string | (() => Promise<string>);
  readonly account: string;
  readonly device: string;
  readonly to: string | undefined;
  readonly group: string | undefined;
  /** Lines from a pipe may be commands. */
  readonly commands: boolean;
  /** How long a script tries its lines while none is stored; then each once. Default 2 minutes. */
  readonly patienceMs?: number;
}
