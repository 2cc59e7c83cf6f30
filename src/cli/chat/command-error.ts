// The error of a command that cannot be executed.

/** Its message says what would be right. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
