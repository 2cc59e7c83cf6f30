// The content of a store or a backup, in numbers for people to compare.

export interface StoreFacts {
  readonly messages: number;
  /** Accounts and groups: a store without messages may have an owner all the same. */
  readonly names: number;
  /** The last id that was used; decimal text, because it is stored and sent as JSON. */
  readonly lastId: string;
  /** When the newest message was sent, in milliseconds since 1970; undefined if there are no messages. */
  readonly newestMs?: number | undefined;
}

/** The store at the path of a restore. */
export interface Present {
  /** Undefined if it cannot be read. */
  readonly facts: StoreFacts | undefined;
  /** Messages above the last id of the backup. */
  readonly newer: number;
  /** Why it cannot be read; undefined if it can. */
  readonly failure: string | undefined;
}
