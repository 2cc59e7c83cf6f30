// What a store or a backup holds, in numbers that a person compares.

/** At one moment. */
export interface StoreFacts {
  readonly messages: number;
  /** Accounts and groups: a store without messages may still be somebody's. */
  readonly names: number;
  /** The last id that was given to anything; a decimal, because it is kept and sent as JSON. */
  readonly lastId: string;
  /** When the newest message was sent, in milliseconds since 1970; undefined if there are no messages. */
  readonly newestMs?: number | undefined;
}

/** What lies where a backup is to be put. */
export interface Present {
  /** Undefined if it cannot be read. */
  readonly facts: StoreFacts | undefined;
  /** Messages above the last id of the backup. */
  readonly newer: number;
  /** Why it cannot be read; undefined if it can. */
  readonly failure: string | undefined;
}
