// A failed assertion is a bug of this program. The caller decides what it ends: the connection or the request that was
// served (`Connection.fail`, the `recover` middleware), else the process.

/** Thrown for a broken invariant of this program, never for what a peer or an operator did. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws AssertionError when an invariant does not hold. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}
