// One scenario, as the supervisor runs it.

import type { Bench } from "./bench.ts";

export interface Scenario {
  readonly name: string;
  /** It can be run on a server that --url names. */
  readonly takesUrl: boolean;
  /** Measures, and reports what it found. Throws a sentence when there is no figure. */
  run(bench: Bench): Promise<void>;
}
