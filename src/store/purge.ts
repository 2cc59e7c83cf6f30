// The operator's purge (`roost purge`): what is older than the retention, when it would go, and deleting it at once. Each
// engine has one; it works on a connection of its own, beside running servers or without one.

/** Rows of a survey are counted up to this many: beyond it "more than" is enough. */
export const surveyMessagesMax = 1_000_000;
/** Rows deleted in one transaction: short enough that talks wait a few milliseconds at most. */
export const purgeRowsMax = 2_000;
/** Between two such transactions: talks go first. */
export const purgePauseMs = 20;

/** What a purge would do now. */
export interface PurgeSurvey {
  /** How long messages are kept: as asked, else as the store's servers were told; undefined: they keep everything. */
  readonly keepMs: number | undefined;
  /** The clock that counts: the machine's, or the database's. Milliseconds since 1970. */
  readonly wallMs: number;
  /** The last commit's time by the clock of then; undefined: nothing has been stored yet. */
  readonly committedMs: number | undefined;
  /** Messages that a purge would delete now; `surveyMessagesMax` + 1 means more than that. 0 without a retention. */
  readonly messages: number;
  /** How long servers wait at least before they delete them; 0: they do within a minute or so. */
  readonly waitMs: number;
}

export interface PurgeTool {
  /** `keepMs` undefined: the retention that the store's servers were told. */
  survey(keepMs: number | undefined): Promise<PurgeSurvey>;
  /**
   * Deletes what is older than `keepMs` by the clock of now, which the operator vouches for: servers wait no longer. Calls
   * `deleted` with the number of messages deleted so far after each transaction, and resolves with it.
   */
  purgeNow(keepMs: number, deleted: (messages: number) => void): Promise<number>;
  close(): Promise<void>;
}
