// What a store keeps for back ends, beside messages, groups and people.

import type { ApiKeyStore } from "./api-keys.ts";

export interface BackEndStore {
  readonly keys: ApiKeyStore;
}
