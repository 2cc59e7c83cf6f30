// roost serve --role discovery: options to settings, and what a registry may not do by default.

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { BadFile } from "../../base/json-file.ts";
import type { Log } from "../../base/log.ts";
import { type LookupRules, parseLookupFile } from "../../registry/lookup-file.ts";
import { NotASnapshot } from "../../registry/snapshot.ts";
import { startDiscovery } from "../../roles/discovery/role.ts";
import type { RunningDiscovery } from "../../roles/settings.ts";
import type { SocketAddress } from "../../transport/address.ts";
import { discoveryBanner } from "../banner.ts";
import { sentenceOf } from "../failure.ts";
import type { OptionValues } from "../options.ts";
import { readClusterKey } from "../secrets.ts";
import { StartError, UsageError } from "../usage-error.ts";
import { version } from "../version.ts";
import { begin, type Serving } from "./serving.ts";

const listenDefault: SocketAddress = { host: "127.0.0.1", port: 7171 };

/** Starts a node of the registry. */
export async function serveDiscovery(values: OptionValues, log: Log): Promise<Serving> {
  const listen = values.optional("listen") ?? listenDefault;
  const clusterKey = readClusterKey(values, log);
  const isInsecure = values.required("insecure");
  if (clusterKey === undefined && !isInsecure && !isLoopback(listen.host)) {
    throw new UsageError(
      `--listen ${listen.host} lets everybody who reaches it write: give a key with --cluster-key-file, or say --insecure when the network is closed (clients of bilibili/discovery know no keys)`,
    );
  }
  if (clusterKey !== undefined && isInsecure)
    throw new UsageError("--insecure and a cluster key are both given; keep one");
  const dnsTtlMs = values.required("dns-ttl");
  if (dnsTtlMs % 1000 !== 0) throw new UsageError("--dns-ttl takes whole seconds");
  const running = await begin(
    () =>
      startUnlessRefused({
        listen,
        advertise: values.optional("advertise"),
        peers: values.required("peers"),
        zone: values.required("zone"),
        region: values.required("region"),
        env: values.required("env"),
        dns: values.optional("dns"),
        domain: values.required("domain"),
        dnsTtlSeconds: dnsTtlMs / 1000,
        snapshotPath: snapshotPath(values.required("snapshot")),
        lookup: lookupRules(values.optional("lookup")),
        clusterKey,
        version,
        log,
      }),
    "--listen and --dns",
  );
  return {
    banner: discoveryBanner({ version, addresses: running.addresses, hasKey: clusterKey !== undefined }),
    listening: [`http://${running.addresses.http}`],
    health: () => running.health(),
    drain: () => running.drain(),
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

function lookupRules(path: string | undefined): LookupRules | undefined {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new StartError(`--lookup: cannot read ${path}: ${sentenceOf(error)}`);
  }
  try {
    return parseLookupFile(text, path);
  } catch (error) {
    if (error instanceof BadFile) throw new StartError(`--lookup: ${error.message}`);
    throw error;
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
