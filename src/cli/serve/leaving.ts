// How a server ends by a signal: it drains, and ends when that is done, has failed or takes too long. A second signal
// ends it at once.

import type { Log } from "../../base/log.ts";
import type { Timers } from "../../base/timers.ts";
import { sentenceOf } from "../failure.ts";
import type { Serving } from "./serving.ts";

/** Status of a server that did not end in good order. */
const exitDisorder = 1;

export class Leaving {
  private readonly serving: Pick<Serving, "drain" | "limits">;
  private readonly log: Log;
  private readonly after: Timers["after"];
  private readonly exit: (status: number) => void;
  private isLeaving = false;

  /** `exit` ends the process. */
  constructor(parts: {
    readonly serving: Pick<Serving, "drain" | "limits">;
    readonly log: Log;
    readonly after: Timers["after"];
    readonly exit: (status: number) => void;
  }) {
    this.serving = parts.serving;
    this.log = parts.log;
    this.after = parts.after;
    this.exit = parts.exit;
  }

  /** A signal has come. Returns true for the first one. */
  signalled(signal: string): boolean {
    const { serving, log, exit } = this;
    if (this.isLeaving) {
      log.warn("a second signal: ending at once", { signal });
      exit(exitDisorder);
      return false;
    }
    this.isLeaving = true;
    log.info("leaving", { signal });
    this.after(serving.limits.values.shutdownMs, () => {
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
