// What an operator got wrong: said in one sentence, without a stack trace.

/** A bad option: what, where it came from, what would be right. Ends the process with status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something that keeps the server from starting: what, where, what to do. Ends the process with status 1. */
export class StartError extends Error {
  override readonly name = "StartError";
}
