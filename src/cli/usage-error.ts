// Errors that the operator can correct. Each is printed as one sentence, without a stack trace.

/** An invalid option: the message says which, where it was set, and what was expected. The exit status is 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A failure of a start or a command: the message says what, where, and what to do. The exit status is 1. */
export class StartError extends Error {
  override readonly name = "StartError";
}
