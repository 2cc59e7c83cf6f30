// What a store keeps for back ends, beside messages, groups and people.

import type { ApiKeyStore } from "./api-keys.ts";
import type { DataStore } from "./data.ts";
import type { HookStore } from "./hooks.ts";

export interface BackEndStore {
  readonly keys: ApiKeyStore;
  readonly data: DataStore;
  readonly hooks: HookStore;
}
