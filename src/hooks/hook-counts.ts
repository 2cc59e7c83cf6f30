// What a process counts of its webhooks, for its metrics.

export class HookCounts {
  /** Events that endpoints have accepted. */
  delivered = 0;
  /** Requests to endpoints that were not accepted. */
  failedAttempts = 0;
  /** Events that were given up. */
  dead = 0;
  /** Events that were deleted before they were told. */
  lost = 0;
  /** Questions of before hooks that were not answered in time. */
  unanswered = 0;
}
