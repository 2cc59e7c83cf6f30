// What a caught value says, for a log or a sentence.

/** Returns an error's message, or the text of any other value. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
