// Contains bugs in work that belongs to one connection: an exception ends the connection instead of the process.

import type { Connection } from "./transport.ts";

/** Wraps a step that no transport invokes, such as a timer's. */
export function contained(connection: Connection, step: () => void): () => void {
  return () => {
    try {
      step();
    } catch (bug) {
      connection.fail(bug);
    }
  };
}

/**
 * Wraps a callback of a socket whose `data` is its connection, if it has one yet. Collects the arguments in a list, so
 * it is not for callbacks that each frame or read invokes.
 */
export function ofSocket<Owner extends Pick<Connection, "fail">, Rest extends unknown[]>(
  act: (owner: Owner, ...rest: Rest) => void,
): (socket: { readonly data: Owner | undefined }, ...rest: Rest) => void {
  return ({ data: owner }, ...rest) => {
    try {
      if (owner !== undefined) act(owner, ...rest);
    } catch (bug) {
      owner?.fail(bug);
    }
  };
}
