// What serving is to the command line, whatever the role: something to say, and something to end.

import { IdTaken } from "../../container/membership.ts";
import { SessionsUnavailable } from "../../session/sessions.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { codeOf, sentenceOf } from "../failure.ts";
import { StartError } from "../usage-error.ts";

export interface Serving {
  /** For standard output, once it listens. */
  readonly banner: string;
  /** Resolves when it is all closed. */
  drain(): Promise<void>;
  /** Reads files again; a sentence for the log. Undefined: there are none. */
  readonly reload?: () => string | undefined;
}

/** Starts a role; what the platform refuses is told in an operator's words. `listeners`: the options to change. */
export async function begin<Role>(start: () => Promise<Role>, listeners: string): Promise<Role> {
  try {
    return await start();
  } catch (error) {
    const isTold = [StoreUnavailable, SessionsUnavailable, IdTaken].some((kind) => error instanceof kind);
    if (isTold) throw new StartError(sentenceOf(error));
    switch (codeOf(error)) {
      case "EADDRINUSE":
        throw new StartError(
          `${sentenceOf(error)}; another program listens there: stop it, or choose other addresses with ${listeners}`,
        );
      case "EACCES":
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        throw new StartError(`${sentenceOf(error)}; choose other addresses with ${listeners}`);
      default:
        throw error;
    }
  }
}
