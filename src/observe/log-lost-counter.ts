// The Prometheus counter of log lines that could not be written, shared by all roles. Imported at the first scrape, like all
// of prom-client.

import { Counter } from "prom-client";

/** Creates `roost_log_lost_total`. */
export function logLostCounter(linesLost: () => number): Counter {
  return new Counter({
    name: "roost_log_lost_total",
    help: "Lines of standard error and standard output that could not be written.",
    registers: [],
    collect() {
      this.reset();
      this.inc(linesLost());
    },
  });
}
