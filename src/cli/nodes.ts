// roost nodes: what a registry holds, as a table; with --watch again and again until Ctrl-C.

import { systemClock } from "../base/clock.ts";
import { NodeClient } from "../registry/client/node-client.ts";
import { systemTimers } from "../registry/timers.ts";
import { clearLines, endWithoutReader, isWatched, printLines } from "./command-output.ts";
import { newsOf, type Row, rowsOf, tableOf } from "./nodes/listing.ts";
import { askMonitors } from "./nodes/monitors.ts";
import type { OptionValues } from "./option-values.ts";
import { firstListing } from "./registry-listing.ts";
import { StartError } from "./usage-error.ts";

const watchMs = 1_000;
/** Lines that are made before the output has taken the ones before. */
const linesAtOnce = 500;

/** What one node said. */
interface Listing {
  readonly node: string;
  readonly rows: readonly Row[];
}

/** Prints the table; with --watch it ends by a signal, or when nobody reads any more. */
export async function nodes(values: OptionValues): Promise<void> {
  const urls = values.required("discovery");
  const client = new NodeClient(systemTimers.after, () => [], false);
  if (!values.required("watch")) {
    const { rows } = await listing(client, urls);
    await printTable(rows);
    return;
  }
  for (let shown = ""; ;) {
    const found = await listing(client, urls).catch((error: unknown) => {
      if (error instanceof StartError) return error;
      throw error;
    });
    // Into a pipe only what is news, and not each age.
    const news = found instanceof StartError ? found.message : newsOf(found.rows);
    if (isWatched() || news !== shown) {
      clearLines();
      if (found instanceof StartError) await printLines([`${found.message}; trying on`]);
      else {
        await printTable(found.rows);
        await printLines(["", `${found.rows.length} instances, from ${found.node}`]);
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
async function listing(client: NodeClient, urls: readonly string[]): Promise<Listing> {
  const { node, instances, lost, renewals } = await firstListing(client, urls);
  const members = await askMonitors(instances);
  return { node, rows: rowsOf(instances, { lost, renewals, members }, systemClock.wallNs()) };
}
