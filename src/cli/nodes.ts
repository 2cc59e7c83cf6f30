// roost nodes: what a registry holds, as a table; with --watch again and again until Ctrl-C.

import { systemClock } from "../base/clock.ts";
import { type Call, NodeClient, NodeFailure } from "../registry/client/node-client.ts";
import { type Answer, MalformedAnswer, parseListing, parseNodes } from "../registry/client/parse-instances.ts";
import { systemTimers } from "../registry/timers.ts";
import { isWatched, printLines, showLines } from "./command-output.ts";
import { type Row, rowsOf, tableOf } from "./nodes/listing.ts";
import type { OptionValues } from "./options.ts";
import { StartError } from "./usage-error.ts";

const requestMsMax = 3_000;
const watchMs = 1_000;

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
    const listing = await firstListing(client, urls);
    printLines(tableOf(listing.rows));
    return;
  }
  for (let shown = ""; ;) {
    const lines = await firstListing(client, urls).then(
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

/** Asks the nodes in their order; the first one that answers counts. Throws StartError when none does. */
async function firstListing(client: NodeClient, urls: readonly string[]): Promise<Listing> {
  const reasons: string[] = [];
  for (const node of urls) {
    try {
      return await listingOf(client, node);
    } catch (error) {
      if (!(error instanceof NodeFailure) && !(error instanceof MalformedAnswer)) throw error;
      reasons.push(error.message);
    }
  }
  throw new StartError(`no registry node answers: ${reasons.join("; ")}; name others with --discovery`);
}

async function listingOf(client: NodeClient, node: string): Promise<Listing> {
  const ask = async (endpoint: string): Promise<Answer> => {
    const call: Call = { method: "GET", endpoint, parameters: new URLSearchParams(), limitMs: requestMsMax };
    const answer = await client.ask(node, call, new AbortController().signal);
    if (answer.code === 0) return answer;
    const isStarting = answer.code === -500;
    throw new NodeFailure(node, isStarting ? "it is starting" : `code ${answer.code} ${answer.message}`);
  };
  const [all, registryNodes] = await Promise.all([ask("fetch/all"), ask("nodes")]);
  const lost = new Set(parseNodes(registryNodes.data).flatMap(({ address, isUp }) => (isUp ? [] : [address])));
  const instances = parseListing(all.data).map(({ instance }) => instance);
  return { node, rows: rowsOf(instances, lost, systemClock.wallNs()) };
}

function withoutAges(lines: readonly string[]): string {
  return lines.map((line) => line.replace(/ +\d+[smhd]$/, "")).join("\n");
}
