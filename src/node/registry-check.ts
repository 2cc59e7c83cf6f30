// Checks whether all configured registry nodes list this process. A process registers at one of them, and the nodes
// replicate; nodes that do not know each other list two halves of a cluster, each of which looks complete.

import type { Log } from "../base/log.ts";
import type { Listing, Naming } from "../registry/client/naming.ts";
import type { Cancel, Timers } from "../base/timers.ts";

/** The delay after the start of the process, and between the two requests to a node that does not list it. */
const againMs = 15_000;
const intervalMs = 60_000;

export class RegistryCheck {
  private readonly parts: {
    readonly naming: Naming;
    readonly timers: Timers;
    readonly log: Log;
    readonly id: string;
    /** The services under which the process is registered; empty before that. */
    readonly services: () => readonly string[];
  };
  /** By service: the nodes that did not list the process at the last check. */
  private lacking: ReadonlyMap<string, readonly string[]> = new Map();
  private missing: readonly string[] = [];
  private sentence = "";
  private cancel: Cancel | undefined;

  constructor(parts: RegistryCheck["parts"]) {
    this.parts = parts;
  }

  /** Starts the checks; does nothing if this process is the only node of the registry. */
  start(): void {
    if (this.parts.naming.whoLists !== undefined) this.plan(againMs);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  /** Which nodes list the process and which do not, for an operator; '' while they agree. */
  get trouble(): string {
    return this.sentence;
  }

  /** The number of nodes that do not list the process although others do. */
  get gaps(): number {
    return this.missing.length;
  }

  private plan(delayMs: number): void {
    this.cancel = this.parts.timers.after(delayMs, () => void this.look());
  }

  private async look(): Promise<void> {
    const { naming, id, services } = this.parts;
    const before = this.lacking;
    const lacking = new Map<string, readonly string[]>();
    let split: Listing | undefined;
    const asked = services();
    for (const service of asked) {
      const answer = await naming.whoLists?.(service, id);
      if (answer === undefined) continue;
      lacking.set(service, answer.lacking);
      // Twice in a row: the nodes may not have replicated yet.
      const twice = answer.lacking.filter((node) => before.get(service)?.includes(node) === true);
      if (answer.listing.length > 0 && twice.length > 0) split ??= { listing: answer.listing, lacking: twice };
    }
    if (this.cancel === undefined) return;
    this.lacking = lacking;
    this.say(split);
    const isSettled = asked.length > 0 && [...lacking.values()].every(({ length }) => length === 0);
    this.plan(isSettled ? intervalMs : againMs);
  }

  private say(split: Listing | undefined): void {
    const { log } = this.parts;
    const was = this.sentence;
    this.missing = split?.lacking ?? [];
    this.sentence =
      split === undefined
        ? ""
        : `${split.listing.toSorted().join(", ")} ${split.listing.length === 1 ? "lists" : "list"} this process, ` +
          `${split.lacking.toSorted().join(", ")} ${split.lacking.length === 1 ? "does" : "do"} not; ` +
          "give each of them --peers with the addresses of all";
    if (split !== undefined && was === "") log.warn("registry nodes do not replicate", { reason: this.sentence });
    if (split === undefined && was !== "") log.info("all registry nodes that answer list this process again");
  }
}
