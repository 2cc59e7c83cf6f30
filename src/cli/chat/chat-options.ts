// What a conversation at the terminal is begun with.

import type { Streams } from "./screen.ts";

export interface ChatOptions extends Streams {
  readonly url: readonly string[];
  /** Registry nodes that name servers, which are tried before `url`. */
  readonly lookup?: readonly string[];
  /** A text, or where to get one for each sign-in: a conversation may last longer than a token. */
  readonly token: string | (() => Promise<string>);
  readonly account: string;
  readonly device: string;
  readonly to: string | undefined;
  readonly group: string | undefined;
  /** Lines of a pipe may be commands, too. */
  readonly commands: boolean;
}

/** Who hears what is typed. */
export type Partner = { readonly kind: "user" | "group"; readonly name: string } | undefined;
