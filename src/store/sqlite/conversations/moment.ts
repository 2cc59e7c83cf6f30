// When a change happens inside the writer's transaction, and the ids that it takes.

import type { IdSequence } from "../../snowflake.ts";

export interface Moment {
  readonly ids: IdSequence;
  readonly wallMs: number;
  /** Nanoseconds since 1970. */
  readonly atNs: bigint;
}
