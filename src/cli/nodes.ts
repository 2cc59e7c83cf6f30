// roost nodes: what a registry holds, as a table; with --watch again and again until Ctrl-C.

import { systemClock } from "../base/clock.ts";
import { NodeClient } from "../registry/client/node-client.ts";
import { systemTimers } from "../registry/timers.ts";
import { type Row, rowsOf, tableOf } from "./nodes/listing.ts";
import type { OptionValues } from "./options.ts";
import { firstListing } from "./registry-listing.ts";
import { StartError } from "./usage-error.ts";

const watchMs = 1_000;
/** Moves to the top left corner and clears the screen. */
const clearScreen = "\x1b[H\x1b[2J\x1b[3J";

/** What one node said. */
interface Listing {
  readonly node: string;
  readonly rows: readonly Row[];
}

/** Prints the table; with --watch it ends by a signal only. */
export async function nodes(values: OptionValues): Promise<void> {
  const urls = values.required("discovery");
  const client = new NodeClient(systemTimers.after, []);
  if (!values.required("watch")) {
    const { rows } = await listing(client, urls);
    process.stdout.write(tableOf(rows));
    return;
  }
  for (let shown = ""; ;) {
    const text = await listing(client, urls).then(
      ({ node, rows }) => `${tableOf(rows)}\n${rows.length} instances, from ${node}\n`,
      (error: unknown) => {
        if (!(error instanceof StartError)) throw error;
        return `${error.message}; trying on\n`;
      },
    );
    const isTerminal = process.stdout.isTTY;
    // Into a pipe only what has changed, but for ages.
    if (isTerminal || withoutAges(text) !== withoutAges(shown))
      process.stdout.write(isTerminal ? clearScreen + text : text);
    shown = text;
    await Bun.sleep(watchMs);
  }
}

/** Asks the registry, and makes the rows of what it lists. */
async function listing(client: NodeClient, urls: readonly string[]): Promise<Listing> {
  const { node, instances, lost } = await firstListing(client, urls);
  return { node, rows: rowsOf(instances, lost, systemClock.wallNs()) };
}

function withoutAges(text: string): string {
  return text.replace(/ +\d+[smhd]$/gm, "");
}
