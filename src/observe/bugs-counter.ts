// The counter of contained bugs, which every role shows. Imported at the first scrape only, like all of prom-client.

import { Counter } from "prom-client";
import type { ContainedBugs } from "./contained-bugs.ts";

/** Shows the bugs by their kinds. */
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
