// Contains bugs in work that belongs to one connection but is not invoked by its transport, such as a timer.

import type { Connection } from "./transport.ts";

/** Wraps `step` so that an exception ends the connection instead of the process. */
export function contained(connection: Connection, step: () => void): () => void {
  return () => {
    try {
      step();
    } catch (bug) {
      connection.fail(bug);
    }
  };
}
