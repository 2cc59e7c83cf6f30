// People talk while the processes of their cluster are killed at random and started again: see conversation.ts for what
// must hold.

import { converse } from "./conversation.ts";
import type { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import type { Random } from "./random.ts";

export interface KillRun {
  readonly cluster: ProcessCluster;
  readonly random: Random;
  readonly clients: number;
  readonly kills: number;
  /** Between the end of a process and its new start, at most; and between two ends. */
  readonly pauseMsMax: number;
  /** Something else that happens once, in the middle. */
  readonly inTheMiddle?: () => Promise<void>;
}

export interface KillRunFigures {
  readonly kills: readonly string[];
  /** Talks that were answered with Success, and those that were not. */
  readonly stored: number;
  readonly refused: number;
}

/** Runs it; throws an Error that says what was lost, doubled or out of order. */
export async function runKills(run: KillRun): Promise<KillRunFigures> {
  const { cluster, random, clients } = run;
  const kills: string[] = [];
  const meanwhile = (): Promise<void> => killAtRandom(run, kills);
  const { stored, refusals } = await converse({ cluster, random, clients, meanwhile });
  return { kills, stored, refused: refusals.length };
}

/** Notes the name of each process that it kills. */
async function killAtRandom(run: KillRun, killed: string[]): Promise<void> {
  const { cluster, random, kills, pauseMsMax, inTheMiddle } = run;
  const names = (["gateway", "login", "chat", "discovery"] as const).flatMap((kind) => cluster.names(kind));
  const starting: Promise<void>[] = [];
  while (killed.length < kills) {
    if (killed.length === kills >> 1 && inTheMiddle !== undefined) {
      // A process that starts while its store is away ends, for its service manager to start it again: there is none.
      await Promise.all(starting);
      await inTheMiddle();
    }
    const name = names[random.below(names.length)] ?? "";
    // Two at once now and then; but not one that is only just coming back.
    if (cluster.process(name) === undefined) {
      await Bun.sleep(10);
      continue;
    }
    await cluster.end(name, "SIGKILL");
    killed.push(name);
    const awayMs = random.below(pauseMsMax);
    starting.push(Bun.sleep(awayMs).then(() => cluster.start(name)));
    await Bun.sleep(random.below(pauseMsMax));
  }
  await Promise.all(starting);
}
