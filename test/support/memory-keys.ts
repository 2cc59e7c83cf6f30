// Keys of the API in memory, with the rules of ApiKeyStore, for tests of what stands before a store.

import type { ApiKeyStore, StoredApiKey } from "../../src/store/api-keys.ts";
import type { Store } from "../../src/store/store.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { talkStore } from "./talk-store.ts";

export class MemoryKeys implements ApiKeyStore {
  readonly byId = new Map<string, StoredApiKey>();
  reads = 0;
  writes = 0;
  isAway = false;
  /** Before a read is answered, after the rows were found. */
  pause: Promise<void> = Promise.resolve();
  private version = 0n;
  private readonly listeners = new Set<() => void>();

  readonly create: ApiKeyStore["create"] = async (draft) => {
    this.writes++;
    if (this.isAway) throw new StoreUnavailable("away");
    const known = this.byId.get(draft.id);
    if (known !== undefined) return { result: "stored", key: known };
    const key = { ...draft, createdMs: 1_000, revokedMs: 0, version: ++this.version };
    this.byId.set(key.id, key);
    return { result: "stored", key };
  };

  readonly revoke: ApiKeyStore["revoke"] = async (id) => {
    const known = this.byId.get(id);
    if (known === undefined) return undefined;
    const key = { ...known, revokedMs: 2_000, version: ++this.version };
    this.byId.set(id, key);
    return key;
  };

  readonly after: ApiKeyStore["after"] = async (version, limit) => {
    this.reads++;
    if (this.isAway) throw new StoreUnavailable("away");
    const rows = [...this.byId.values()].filter((key) => key.version > version);
    await this.pause;
    return rows.toSorted((one, other) => Number(one.version - other.version)).slice(0, limit);
  };

  /** Puts another store in the place of this one, whose versions begin anew. */
  replace(): void {
    this.byId.clear();
    this.version = 0n;
    for (const listener of this.listeners) listener();
  }

  /** A store that has nothing but these keys. */
  store(): Store {
    return {
      ...talkStore({ result: "unknown" }),
      backEnd: { ...talkStore({ result: "unknown" }).backEnd, keys: this },
      watchReplacement: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
    };
  }
}
