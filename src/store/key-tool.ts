// The operator's way to the keys of a store that no server serves.

import type { ApiKeyStore } from "./api-keys.ts";

/** Keys of a store, opened for one command. */
export interface KeyTool {
  readonly keys: ApiKeyStore;
  close(): Promise<void>;
}
