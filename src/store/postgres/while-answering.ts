// Notices that a server hangs, or is lost, while statements without a time limit run there: its connections stay.

import type { SQL } from "bun";
import { StoreUnavailable } from "../store.ts";
import { Connections } from "./connection.ts";
import { DatabaseAway, isAnswer, Unheld } from "./failures.ts";

const askEveryMs = 5_000;
/** A server counts as gone when so many questions in a row had no answer. */
const silencesMax = 6;

/**
 * Resolves or rejects as `work` does, or rejects with DatabaseAway if its server answers nobody meanwhile. `look`: the
 * question; when it rejects with Unheld, so does this.
 */
export async function whileAnswering<T>(
  url: string,
  work: Promise<T>,
  look: (sql: SQL) => Promise<unknown> = (sql) => sql`SELECT`,
): Promise<T> {
  const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0 });
  const gone = Promise.withResolvers<never>();
  let silences = 0;
  const ask = async (): Promise<void> => {
    try {
      await connections.run(look);
      silences = 0;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      if (error instanceof Unheld) gone.reject(error);
      // Without a connection left, for example.
      silences = isAnswer(error.cause) ? 0 : silences + 1;
      if (silences === silencesMax) gone.reject(new DatabaseAway("the database has stopped answering"));
    }
  };
  const timer = setInterval(() => void ask(), askEveryMs);
  try {
    return await Promise.race([work, gone.promise]);
  } finally {
    clearInterval(timer);
    await connections.close();
  }
}
