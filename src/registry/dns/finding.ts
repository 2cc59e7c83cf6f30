// The answer to a question: what a name and a type come to.

import { Rcode } from "./query.ts";
import type { ResourceRecord } from "./record.ts";

/** The answer to a question. A value: while nothing that it depends on has changed, it is the same object. */
export interface Finding {
  readonly rcode: Rcode;
  readonly answers: readonly ResourceRecord[];
  /** The SOA when there is no answer. */
  readonly authorities: readonly ResourceRecord[];
}

export function found(answers: readonly ResourceRecord[]): Finding {
  return { rcode: Rcode.NoError, answers, authorities: [] };
}
