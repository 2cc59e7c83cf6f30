// Terminal clients in pseudo terminals, against a real server in this process. ROOST_BINARY names the executable that
// is started.

import { roost } from "../../scripts/harness/server-process.ts";
import { Messenger as MessengerClient } from "../../src/sdk/messenger/messenger.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { endings } from "./endings.ts";
import { Messenger } from "./messenger.ts";
import { PseudoTerminal } from "./pseudo-terminal.ts";

/** Returns what starts servers, clients and terminals, which end after the test. Call it at the top of the file. */
export function chatTerminals() {
  const ends = endings();
  return {
    ends,
    messengerFor: async (): Promise<Messenger> => {
      const messenger = await Messenger.start();
      ends.push(() => messenger.stop());
      return messenger;
    },
    clientOf: async (messenger: Messenger, account: string): Promise<RoostClient> => {
      const client = await RoostClient.connect({ url: `ws://${messenger.ws}`, token: await messenger.token(account) });
      ends.push(() => client.close());
      return client;
    },
    messengerOf: async (messenger: Messenger, account: string): Promise<MessengerClient> => {
      const token = await messenger.token(account);
      const client = await MessengerClient.connect({ url: `ws://${messenger.ws}`, token, device: "other" });
      ends.push(() => client.close());
      return client;
    },
    terminalOf: async (
      messenger: Messenger,
      account: string,
      words: string[],
      columns = 80,
      rows = 3,
      before: string[] = [],
      url = `ws://${messenger.ws}`,
      variables: Record<string, string> = {},
    ): Promise<PseudoTerminal> => {
      const all = [...before, ...roost, "chat", "--account", account, "--url", url];
      const token = await messenger.token(account);
      const terminal = new PseudoTerminal([...all, "--token", token, ...words], columns, rows, variables);
      ends.push(() => terminal.close());
      return terminal;
    },
  };
}
