// Stops a server after a signal: it drains, and exits when the drain has ended, has failed or takes too long. A second
// signal stops it at once.

import type { Log } from "../../base/log.ts";
import type { Timers } from "../../base/timers.ts";
import { sentenceOf } from "../failure.ts";
import type { Serving } from "./serving.ts";

/** The exit status of a server that did not drain completely. */
const exitDisorder = 1;

/** Has this process leave as on the operator's signal; see serve.ts. */
export function leaveBySignal(): void {
  process.kill(process.pid, "SIGTERM");
}

export class Leaving {
  private readonly parts: {
    readonly serving: Pick<Serving, "drain" | "limits">;
    readonly log: Log;
    readonly after: Timers["after"];
    /** Ends the process. */
    readonly exit: (status: number) => void;
  };
  private isLeaving = false;

  constructor(parts: Leaving["parts"]) {
    this.parts = parts;
  }

  /** Call for each signal. Returns true for the first one. */
  signalled(signal: string): boolean {
    const { serving, log, after, exit } = this.parts;
    if (this.isLeaving) {
      log.warn("a second signal: ending at once", { signal });
      exit(exitDisorder);
      return false;
    }
    this.isLeaving = true;
    log.info("leaving", { signal });
    after(serving.limits.values.shutdownMs, () => {
      serving.limits.met("shutdownMs");
      exit(exitDisorder);
    });
    serving.drain().then(
      () => exit(0),
      (error: unknown) => {
        log.error("the drain failed", { error: sentenceOf(error) });
        exit(exitDisorder);
      },
    );
    return true;
  }
}
