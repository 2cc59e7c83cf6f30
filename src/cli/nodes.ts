// roost nodes: what a registry holds, as a table; with --watch again and again until Ctrl-C.

import { systemClock } from "../base/clock.ts";
import { NodeClient } from "../registry/client/node-client.ts";
import { systemTimers } from "../base/timers.ts";
import { clearLines, endWithoutReader, isWatched, printLines, say } from "./command-output.ts";
import { newsOf, type Row, rowsOf, tableOf } from "./nodes/listing.ts";
import { askMonitors } from "./nodes/monitors.ts";
import type { OptionValues } from "./option-values.ts";
import { RegistryNodes } from "./registry-listing.ts";
import { StartError } from "./usage-error.ts";

const watchMs = 1_000;
/** Lines that are made before the output has taken the ones before. */
const linesAtOnce = 500;
const staleSentence = "shows what it knew before it ended, since no other node has confirmed it";

/** What one node said. */
interface Listing {
  readonly node: string;
  readonly rows: readonly Row[];
  readonly isStale: boolean;
}

/** Prints the table; with --watch it ends by a signal, or when nobody reads any more. */
export async function nodes(values: OptionValues): Promise<void> {
  const urls = values.required("discovery");
  const registry = new RegistryNodes(new NodeClient(systemTimers.after, () => [], false), urls);
  if (!values.required("watch")) {
    const { node, rows, isStale } = await listing(registry);
    await printTable(rows);
    if (isStale) say(`${node} ${staleSentence}`);
    return;
  }
  for (let shown = ""; ;) {
    const found = await listing(registry).catch((error: unknown) => {
      if (error instanceof StartError) return error;
      throw error;
    });
    // Into a pipe only what is news, and not each age.
    const news =
      found instanceof StartError ? found.message : `${newsOf(found.rows)}${found.isStale ? staleSentence : ""}`;
    if (isWatched() || news !== shown) {
      clearLines();
      if (found instanceof StartError) await printLines([`${found.message}; trying on`]);
      else {
        await printTable(found.rows);
        await printLines([
          "",
          `${found.rows.length} instances, from ${found.node}${found.isStale ? `, which ${staleSentence}` : ""}`,
        ]);
      }
    } else endWithoutReader();
    shown = news;
    await Bun.sleep(watchMs);
  }
}

async function printTable(rows: readonly Row[]): Promise<void> {
  let lines: string[] = [];
  for (const line of tableOf(rows)) {
    lines.push(line);
    if (lines.length < linesAtOnce) continue;
    await printLines(lines);
    lines = [];
  }
  if (lines.length > 0) await printLines(lines);
}

/** Asks the registry, and makes the rows of what it lists. */
async function listing(registry: RegistryNodes): Promise<Listing> {
  const { node, instances, lost, renewals, stale, isStale } = await registry.listing();
  const members = await askMonitors(instances);
  return { node, isStale, rows: rowsOf(instances, { lost, renewals, stale, members }, systemClock.wallNs()) };
}
