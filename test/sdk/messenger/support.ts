// Messengers of the client library against the real server in this process; each ends with the test that began it.

import { expect } from "bun:test";
import { Messenger, type MessengerOptions } from "../../../src/sdk/messenger/messenger.ts";
import type { Message } from "../../../src/sdk/message.ts";
import { until } from "../../../scripts/harness/until.ts";
import type { Messenger as Server } from "../../support/messenger.ts";
import { afterwards } from "../support.ts";

export interface Device {
  readonly client: Messenger;
  readonly messages: Message[];
}

let accounts = 0;
/** A name that no other test has. */
export const fresh = (name: string): string => `${name}-${accounts++}`;

/** Signs in and waits until the list has been read. */
export async function device(
  server: Server,
  account: string,
  name: string,
  { transport = "tcp", ...options }: Partial<MessengerOptions> & { readonly transport?: "ws" | "tcp" } = {},
  prepare: (client: Messenger) => unknown = () => undefined,
): Promise<Device> {
  const messages: Message[] = [];
  const given: MessengerOptions = {
    url: `${transport}://${server[transport]}`,
    token: await server.token(account),
    device: name,
    ...options,
    on: { message: (message) => void messages.push(message), ...options.on },
  };
  const client = await Messenger.connect(given, prepare);
  afterwards(() => client.close(), true);
  await client.conversations.ready();
  return { client, messages };
}

/** Waits until a value is what it should be; the failure shows the difference. */
export async function same(actual: () => unknown, wanted: unknown, what: string, msMax = 4_000): Promise<void> {
  await until(
    () => {
      expect(actual()).toEqual(wanted);
      return true;
    },
    what,
    msMax,
  );
}
