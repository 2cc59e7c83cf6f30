// Looks at a server before it is used, and judges how it is set up. Changes nothing there.

import { reasonOf } from "../../base/reason-of.ts";
import { SessionsUnavailable } from "../sessions.ts";
import { RedisConnection } from "./redis-connection.ts";
import { readTarget } from "./redis-url.ts";
import { unreachable, wrongSetting } from "./wrong-setting.ts";

/** Policies that evict any key when memory is full. Sessions have no expiry, so the other policies spare them. */
const evictsAnyKey = /^allkeys-/;

/** Returns what is wrong with a server's policy when its memory is full; '' if nothing is. */
export function evictionSentence(policy: string): string {
  return evictsAnyKey.test(policy)
    ? `its maxmemory-policy is ${policy}: it deletes sessions when its memory is full; set noeviction`
    : "";
}

/** The longest search for the reason of a failure. */
const diagnosisMsMax = 2_500;

/** Bun's client says of a server that does not answer in time that the connection was closed. */
function silenceOr(reason: string): string {
  return reason === "Connection closed" ? "it gives no answer, or closes the connection" : reason;
}

interface Found {
  readonly version: string;
  /** As evictionSentence. */
  readonly eviction: string;
  /** It accepts no writes: it follows another server. */
  readonly isReplica: boolean;
}

/** Connects, and asks the server about itself. Rejects with SessionsUnavailable if it is away or refuses the URL. */
export async function lookAtRedis(url: string): Promise<Found> {
  try {
    // What is wrong with the URL is told whether the server is there or not.
    readTarget(url);
  } catch (error) {
    throw new SessionsUnavailable(reasonOf(error), { cause: error });
  }
  try {
    const connection = await RedisConnection.open(url, "", () => undefined);
    try {
      const [version, policy, role] = [
        await connection.info("server", "redis_version"),
        await connection.info("memory", "maxmemory_policy"),
        await connection.info("replication", "role"),
      ];
      return { version: version ?? "unknown", eviction: evictionSentence(policy ?? ""), isReplica: role === "slave" };
    } finally {
      connection.close();
    }
  } catch (error) {
    const why = (async () => (await unreachable(url)) ?? (await wrongSetting(url, error)))();
    const reason = await Promise.race([why, Bun.sleep(diagnosisMsMax)]);
    throw new SessionsUnavailable(reason ?? silenceOr(reasonOf(error)), { cause: error });
  }
}
