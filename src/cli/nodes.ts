// roost nodes: what a registry holds, as a table; with --watch again and again until Ctrl-C.

import { systemClock } from "../base/clock.ts";
import { NodeClient } from "../registry/client/node-client.ts";
import { systemTimers } from "../registry/timers.ts";
import { isWatched, printLines, showLines } from "./command-output.ts";
import { type Row, rowsOf, tableOf } from "./nodes/listing.ts";
import type { OptionValues } from "./option-values.ts";
import { firstListing } from "./registry-listing.ts";
import { StartError } from "./usage-error.ts";

const watchMs = 1_000;

/** What one node said. */
interface Listing {
  readonly node: string;
  readonly rows: readonly Row[];
}

/** Prints the table; with --watch it ends by a signal only. */
export async function nodes(values: OptionValues): Promise<void> {
  const urls = values.required("discovery");
  const client = new NodeClient(systemTimers.after, () => [], false);
  if (!values.required("watch")) {
    const { rows } = await listing(client, urls);
    printLines(tableOf(rows));
    return;
  }
  for (let shown = ""; ;) {
    const lines = await listing(client, urls).then(
      ({ node, rows }) => [...tableOf(rows), "", `${rows.length} instances, from ${node}`],
      (error: unknown) => {
        if (!(error instanceof StartError)) throw error;
        return [`${error.message}; trying on`];
      },
    );
    // Into a pipe only what has changed, but for ages.
    const text = withoutAges(lines);
    if (isWatched() || text !== shown) showLines(lines);
    shown = text;
    await Bun.sleep(watchMs);
  }
}

/** Asks the registry, and makes the rows of what it lists. */
async function listing(client: NodeClient, urls: readonly string[]): Promise<Listing> {
  const { node, instances, lost } = await firstListing(client, urls);
  return { node, rows: rowsOf(instances, lost, systemClock.wallNs()) };
}

function withoutAges(lines: readonly string[]): string {
  return lines.map((line) => line.replace(/ +\d+[smhd]$/, "")).join("\n");
}
