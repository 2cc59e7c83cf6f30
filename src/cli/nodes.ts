// roost nodes: prints the instances in a registry as a table; with --watch, again when they change, until Ctrl-C.

import { systemClock } from "../base/clock.ts";
import type { NodeTrust } from "../registry/client/node-request.ts";
import { clearLines, endWithoutReader, isTerminal, printLines, say } from "./command-output.ts";
import { changeKeyOf, type Row, rowsOf, tableOf } from "./nodes/listing.ts";
import { askMonitors } from "./nodes/monitors.ts";
import type { OptionValues } from "./option-values.ts";
import { keylessClient, RegistryNodes } from "./registry-listing.ts";
import { readNodeTrust } from "./tls.ts";
import { StartError } from "./usage-error.ts";

const watchMs = 1_000;
/** Lines per write. */
const linesAtOnce = 500;
const staleSentence = "shows its state from before its restart, which no other node has confirmed yet";

/** The answer of one registry node. */
interface Listing {
  readonly node: string;
  readonly rows: readonly Row[];
  readonly isStale: boolean;
}

/** Prints the table; with --watch it ends by a signal, or when standard output has no reader. */
export async function nodes(values: OptionValues): Promise<void> {
  const tls = readNodeTrust(values);
  const registry = new RegistryNodes(keylessClient(tls), values.required("discovery"));
  if (!values.required("watch")) {
    const { node, rows, isStale } = await listing(registry, tls);
    await printTable(rows);
    if (isStale) say(`${node} ${staleSentence}`);
    return;
  }
  for (let shown = ""; ;) {
    const found = await listing(registry, tls).catch((error: unknown) => {
      if (error instanceof StartError) return error;
      throw error;
    });
    // A pipe receives changes only, not each new age.
    const changeKey =
      found instanceof StartError ? found.message : `${changeKeyOf(found.rows)}${found.isStale ? staleSentence : ""}`;
    if (isTerminal() || changeKey !== shown) {
      clearLines();
      if (found instanceof StartError) await printLines([`${found.message}; trying again`]);
      else {
        await printTable(found.rows);
        await printLines([
          "",
          `${found.rows.length} instances, from ${found.node}${found.isStale ? `, which ${staleSentence}` : ""}`,
        ]);
      }
    } else endWithoutReader();
    shown = changeKey;
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

/** Asks the registry, and returns the rows of its instances. */
async function listing(registry: RegistryNodes, tls: NodeTrust | undefined): Promise<Listing> {
  const { node, instances, lost, renewals, stale, isStale } = await registry.listing();
  const members = await askMonitors(instances, tls);
  return { node, isStale, rows: rowsOf(instances, { lost, renewals, stale, members }, systemClock.wallNs()) };
}
