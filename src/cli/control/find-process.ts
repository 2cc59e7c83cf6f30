// Which process `--node` means: its id or address as `roost nodes` prints them, tcp://host:port where it takes links,
// or http://host:port of a node of the registry. Without it, the standalone server of the data folder. What needs the
// message store is asked of a chat node, which a node of the registry finds.

import { resolve } from "node:path";
import { silentLog } from "../../base/log.ts";
import { linkAddress } from "../../routing/dependency.ts";
import { NodeClient } from "../../registry/client/node-client.ts";
import { discoveryAppid, type Instance } from "../../registry/instance.ts";
import { systemTimers } from "../../base/timers.ts";
import { nearest } from "../../base/did-you-mean.ts";
import type { OptionValues } from "../option-values.ts";
import { firstListing } from "../registry-listing.ts";
import { readClusterKeys } from "../secrets.ts";
import { StartError, UsageError } from "../usage-error.ts";
import { parseAddress } from "../../options/values.ts";
import type { ControlPlace } from "./ask.ts";

/** Finds it; asks the registry where the option names an id. Throws StartError, UsageError. */
export async function findProcess(values: OptionValues): Promise<ControlPlace> {
  const node = values.optional("node");
  if (node === undefined) return { kind: "socket", folder: resolve(values.required("data")) };
  const { keys: clusterKeys } = readClusterKeys(values, silentLog);
  if (/^https?:/.test(node)) return { kind: "registry", url: node, clusterKeys };
  if (node.startsWith("tcp:")) return link(node.slice("tcp://".length), undefined, clusterKeys);
  const client = new NodeClient(systemTimers.after, () => [], false);
  const { instances } = await firstListing(client, values.required("discovery"));
  const named = instances.filter(({ hostname }) => hostname === node);
  const [first] = named;
  if (first === undefined) throw new StartError(unknownSentence(node, instances));
  if (first.appid === discoveryAppid) return { kind: "registry", url: `http://${first.hostname}`, clusterKeys };
  const addresses = new Set(named.map(linkAddress));
  const [address] = addresses;
  if (addresses.size > 1)
    throw new StartError(`several processes are called ${node}; say which with --node tcp://host:port`);
  if (address === undefined) throw new StartError(`${node} (${first.appid}) is no process of roost`);
  return link(address, node, clusterKeys);
}

/**
 * Finds those who can be asked for what needs the message store; any of them will do. With --node it is that process,
 * or the chat nodes that this node of the registry lists; without it the standalone server of the data folder, or,
 * where --discovery is given, the chat nodes of the registry. Throws StartError, UsageError.
 */
export async function findStoreKeepers(values: OptionValues): Promise<readonly ControlPlace[]> {
  const isCluster = values.isGiven("discovery") && values.typedAs("data") !== "--data";
  if (values.optional("node") === undefined && isCluster) return chatNodes(values, values.required("discovery"));
  const place = await findProcess(values);
  return place.kind === "registry" ? chatNodes(values, [place.url]) : [place];
}

async function chatNodes(values: OptionValues, registry: readonly string[]): Promise<ControlPlace[]> {
  const { keys: clusterKeys } = readClusterKeys(values, silentLog);
  const { node, instances } = await firstListing(new NodeClient(systemTimers.after, () => [], false), registry);
  const env = values.required("env");
  const places = instances.flatMap((instance) => {
    const address = instance.appid === "chat" && instance.env === env ? linkAddress(instance) : undefined;
    return address === undefined ? [] : [link(address, instance.hostname, clusterKeys)];
  });
  if (places.length === 0)
    throw new StartError(`${node} lists no chat node in the env ${env}; name another with --env`);
  return places;
}

function link(address: string, id: string | undefined, clusterKeys: readonly Uint8Array[]): ControlPlace {
  if (clusterKeys.length === 0)
    throw new UsageError("--cluster-key-file is required: members of a cluster answer whoever proves to know its key");
  return { kind: "link", address: parseAddress(address), id, clusterKeys };
}

function unknownSentence(node: string, instances: readonly Instance[]): string {
  const near = nearest(
    node,
    instances.map(({ hostname }) => hostname),
  );
  const hint = near === undefined ? "roost nodes lists them" : `did you mean ${near}?`;
  return `the registry lists no process called ${node}; ${hint}`;
}
