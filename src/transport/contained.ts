// Work for one connection that no transport calls: a timer's.

import type { Connection } from "./transport.ts";

/** `step`, of which a bug ends the connection, and not the process. */
export function contained(connection: Connection, step: () => void): () => void {
  return () => {
    try {
      step();
    } catch (bug) {
      connection.fail(bug);
    }
  };
}
