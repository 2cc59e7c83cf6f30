// Requests without a `dest`, as the parts above the client make them.

import type { MessageInit, MessageType } from "../wire/message-type.ts";
import { Disconnected, isWorthRepeating } from "./client-errors.ts";
import type { Environment } from "./environment.ts";
import { repeat } from "./repeat.ts";

/** Rejects like the client's requests; a messenger's, too, with Disconnected where conversations are not granted. */
export type Ask = <Request, Response>(
  command: string,
  type: MessageType<Request>,
  init: MessageInit<NoInfer<Request>>,
  responseType: MessageType<Response>,
) => Promise<Response>;

/**
 * For what nobody else would ask for again: repeats a request after a lost response or a transient failure, as long as
 * there is a connection. Rejects with Disconnected, after which the next sign-in asks, or if it is refused for good.
 */
export function patient(ask: Ask, environment: Environment): Ask {
  return (...request) =>
    repeat(
      environment,
      () => ask(...request),
      (error) => error instanceof Disconnected || !isWorthRepeating(error),
    );
}
