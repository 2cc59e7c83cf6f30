// The operator's purge (`roost purge`): what is beyond the retention, when servers would delete it, and deleting it
// now. Each
// engine has an implementation with a connection of its own, which works beside running servers or without one.

/** The bound on counting messages: beyond it "more than" is enough. */
export const surveyMessagesMax = 1_000_000;
/** Rows to delete in one transaction: messages wait for it a few milliseconds at most. */
export const purgeRowsMax = 2_000;
export const purgePauseMs = 20;

export interface PurgeSurvey {
  /** The retention: as requested, else as the store's servers were configured; undefined if they keep everything. */
  readonly keepMs: number | undefined;
  /** The machine's or the database's clock, in milliseconds since 1970. */
  readonly wallMs: number;
  /** The time of the last commit by that clock; undefined if there was none. */
  readonly committedMs: number | undefined;
  /** The messages that a purge would delete; `surveyMessagesMax` + 1 means more than that. 0 without a retention. */
  readonly messages: number;
  /** The minimum wait before servers delete them; 0 means within about a minute. */
  readonly waitMs: number;
}

export interface PurgeTool {
  /** If `keepMs` is undefined, uses the retention of the store's servers. */
  survey(keepMs: number | undefined): Promise<PurgeSurvey>;
  /**
   * Deletes messages older than `keepMs` by the current clock, which the operator has confirmed: servers do not wait
   * any longer. Calls `deleted` with the number of deleted messages after each transaction, and resolves with it.
   */
  purgeNow(keepMs: number, deleted: (messages: number) => void): Promise<number>;
  close(): Promise<void>;
}
