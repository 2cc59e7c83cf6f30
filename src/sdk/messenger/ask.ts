// Requests of the messenger: like those of the client, without a `dest`.

import type { MessageInit, MessageType } from "../../wire/message-type.ts";

/** Rejects like the client's requests, and with Disconnected where the server has not granted conversations. */
export type Ask = <Request, Response>(
  command: string,
  type: MessageType<Request>,
  init: MessageInit<NoInfer<Request>>,
  responseType: MessageType<Response>,
) => Promise<Response>;
