// The key of the API that a standalone server makes for its operator: in the file `api-key` of its data folder, for all
// apps and with all scopes. It is a row like any other key; this makes the row of the file's key, and revokes that of a
// former file.

import type { Log } from "../../base/log.ts";
import type { Timers } from "../../base/timers.ts";
import { apiKeysMax } from "../../base/limits/fixed.ts";
import { type ApiKeyStore } from "../../store/api-keys.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { allApps, allScopes, draftOf, localKeyName } from "./api-key.ts";

/** Between two tries while the store is away. */
const retryMs = 1_000;

interface Parts {
  readonly keys: ApiKeyStore;
  readonly text: string;
  readonly timers: Pick<Timers, "after">;
  readonly log: Log;
  /** Receives what is not a failure of the store. */
  readonly bugMet: (bug: unknown) => void;
}

interface KeptLocalKey {
  readonly id: string;
  /** Settled after the first try. */
  readonly tried: Promise<void>;
  /** Tries no more. */
  stop(): void;
}

/** Puts the local key into the store, now or when the store is back. */
export function keepLocalKey({ keys, text, timers, log, bugMet }: Parts): KeptLocalKey {
  const draft = draftOf(text, { app: allApps, scopes: [allScopes], name: localKeyName });
  let isStopped = false;
  const keep = async (): Promise<void> => {
    try {
      const outcome = await keys.create(draft);
      if (outcome.result === "full") {
        log.warn(`the local key of the API is not in force: ${apiKeysMax} keys are; revoke some, and start again`, {});
        return;
      }
      if (outcome.key.revokedMs > 0)
        log.warn("the local key of the API was revoked; delete the file api-key, and the next start makes another", {
          id: draft.id,
        });
      for (const { id, name, revokedMs } of await keys.after(0n, apiKeysMax))
        if (name === localKeyName && id !== draft.id && revokedMs === 0) {
          await keys.revoke(id);
          log.info("the key of a former file api-key was revoked", { id });
        }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) bugMet(error);
      else if (!isStopped) timers.after(retryMs, () => void (isStopped ? undefined : keep()));
    }
  };
  return { id: draft.id, tried: keep(), stop: () => void (isStopped = true) };
}
