// The result of roost check.

/** What a check found, whatever the engine. */
export interface Checked {
  readonly isFine: boolean;
  /** For standard output. */
  readonly lines: readonly string[];
}
