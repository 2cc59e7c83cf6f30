// The answer to a DNS question, before it is encoded.

import { Rcode } from "./query.ts";
import type { ResourceRecord } from "./record.ts";

/** The records for a name and a type. Immutable, and the same object while nothing that it depends on has changed. */
export interface Finding {
  readonly rcode: Rcode;
  readonly answers: readonly ResourceRecord[];
  /** The SOA if there is no answer. */
  readonly authorities: readonly ResourceRecord[];
}

export function found(answers: readonly ResourceRecord[]): Finding {
  return { rcode: Rcode.NoError, answers, authorities: [] };
}
