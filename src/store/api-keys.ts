// The keys of the API for back ends: what a store keeps of them. A key itself is 256 random bits, which only its holder
// has; the store has its SHA-256, from which nobody can tell it.

/** What a store keeps of a key. */
export interface StoredApiKey {
  /** The first 16 hexadecimal digits of its hash. */
  readonly id: string;
  /** SHA-256 of the key, in 64 hexadecimal digits. */
  readonly hash: string;
  /** The app that it is for, or `*`: all of them. */
  readonly app: string;
  /** What it permits; without duplicates, at least one. */
  readonly scopes: readonly string[];
  /** What it is for, in its owner's words. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** Milliseconds since 1970; 0 while the key is in force. */
  readonly revokedMs: number;
  /** From the sequence of messages; each change of the key takes a new one. */
  readonly version: bigint;
}

export type ApiKeyDraft = Pick<StoredApiKey, "id" | "hash" | "app" | "scopes" | "name">;

export type CreateKeyOutcome = { readonly result: "stored"; readonly key: StoredApiKey } | { readonly result: "full" };

export interface ApiKeyStore {
  /**
   * Stores a key. One whose hash is stored already stays as it is, and is returned, be it revoked. `full`: the store
   * has `apiKeysMax` keys in force; those that were revoked first make room for others.
   */
  create(draft: ApiKeyDraft): Promise<CreateKeyOutcome>;
  /** Revokes a key for good; undefined if there is none of that id. A repetition keeps the earlier time. */
  revoke(id: string): Promise<StoredApiKey | undefined>;
  /** The keys, revoked ones too, whose version is above `after`, in the order of versions, at most `limit`. */
  after(version: bigint, limit: number): Promise<readonly StoredApiKey[]>;
}
