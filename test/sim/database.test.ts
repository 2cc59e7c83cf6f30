// The simulated database keeps what every engine promises: the suite of conversations, as engines run it.

import { conversationsSuite } from "../store/conversations-suite.ts";
import { Database } from "./database.ts";
import { DatabaseClient } from "./database-client.ts";

conversationsSuite("simulated database", async () => {
  const databases = new Map<string, Database>();
  const sequence = { last: 0n };
  const databaseOf = (app: string): Database =>
    databases.getOrInsertComputed(app, () => new Database(() => 0, sequence));
  let opened = 0;
  return {
    open: async () => new DatabaseClient(async (handle) => handle(), databaseOf, ++opened),
    remove: async () => undefined,
    deleteUpTo: async (id) => {
      for (const database of databases.values()) database.messages.deleteUpTo(id);
    },
  };
});
