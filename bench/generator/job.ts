// What the supervisor and a generator say to each other: one line of JSON to the generator, lines of JSON back.

import type { Findings } from "../result.ts";
import type { Target } from "../server/target.ts";
import type { LoadSettings } from "./load.ts";

/** What a generator is to do. */
export interface Job {
  readonly load: string;
  /** Undefined: the load starts its own servers. */
  readonly target?: Target;
  readonly settings: LoadSettings;
}

/** What it says: how far it is, often; then, once, what it found or why there is no figure. */
export type Report =
  | { readonly kind: "progress"; readonly phase: string; readonly done: number }
  | { readonly kind: "found"; readonly findings: readonly Findings[] }
  | { readonly kind: "failed"; readonly sentence: string };
