// A failed assertion is a bug of ours: it throws where it stands and nothing catches it but the process's end.

/** Thrown for a broken invariant of this program; never for what a peer or an operator did. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Ends the process loudly (by an uncaught error) when an invariant does not hold. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}
