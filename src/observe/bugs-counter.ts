// The Prometheus counter of contained bugs, shared by all roles. Imported at the first scrape, like all of prom-client.

import { Counter } from "prom-client";
import type { ContainedBugs } from "./contained-bugs.ts";

/** Creates the counter `name` with the label `kind`. */
export function bugsCounter(name: string, bugs: ContainedBugs): Counter {
  return new Counter({
    name,
    help: "Bugs that ended one connection or failed one request; the log holds their stacks.",
    labelNames: ["kind"],
    registers: [],
    collect() {
      this.reset();
      for (const [kind, count] of bugs.counts()) this.inc({ kind }, count);
    },
  });
}
