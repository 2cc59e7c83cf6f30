// roost serve --role discovery: options to settings, and what a registry may not do by default.

import { resolve } from "node:path";
import type { Log } from "../../base/log.ts";
import { parseLookupFile } from "../../registry/lookup/lookup-file.ts";
import { NotASnapshot } from "../../registry/table/snapshot.ts";
import { startDiscovery } from "../../roles/discovery/start.ts";
import type { RunningDiscovery } from "../../roles/settings.ts";
import { discoveryBanner } from "../banner.ts";
import type { OptionValues } from "../option-values.ts";
import { readRules } from "../rules-file.ts";
import { readClusterKeys } from "../secrets.ts";
import { readNodeTls } from "../tls.ts";
import { StartError } from "../usage-error.ts";
import { version } from "../version.ts";
import { limitsOf } from "./limits.ts";
import { registryAddress, requireClosedRegistry } from "./requirements.ts";
import { begin, type Serving } from "./serving.ts";

/** Starts a node of the registry. */
export async function serveDiscovery(values: OptionValues, log: Log): Promise<Serving> {
  // All values are checked before any file is read.
  const settings = values.settings("discovery");
  const listen = registryAddress(values);
  const { keys: clusterKeys, again } = readClusterKeys(values, log);
  requireClosedRegistry(values, clusterKeys);
  const limits = limitsOf(values, "discovery", log);
  const lookup = values.optional("lookup");
  const nodeTls = readNodeTls(values, "discovery", log);
  const running = await begin(
    () =>
      startUnlessRefused({
        ...settings,
        listen,
        snapshotPath: snapshotPath(values.required("snapshot")),
        lookup: lookup === undefined ? undefined : readRules(lookup, values.sourceOf("lookup"), log, parseLookupFile),
        clusterKeys,
        readClusterKeys: again,
        nodeTls,
        version,
        limits,
        log,
      }),
    [
      { option: "--listen", address: listen },
      { option: "--dns", address: values.optional("dns") },
    ],
  );
  return {
    ...running,
    banner: discoveryBanner({
      version,
      addresses: running.addresses,
      hasKey: clusterKeys.length > 0,
      isSecure: nodeTls !== undefined,
    }),
    listening: [`${nodeTls === undefined ? "http" : "https"}://${running.addresses.http}`],
    limits,
  };
}

async function startUnlessRefused(settings: Parameters<typeof startDiscovery>[0]): Promise<RunningDiscovery> {
  try {
    return await startDiscovery(settings);
  } catch (error) {
    if (error instanceof NotASnapshot) throw new StartError(error.message);
    throw error;
  }
}

function snapshotPath(text: string): string | undefined {
  return text === "off" ? undefined : resolve(text);
}
