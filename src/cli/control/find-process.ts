// Finds the process that `--node` names: by its id as `roost nodes` prints it, tcp://host:port or tls://host:port of
// its links, or http://host:port of a registry node. Without --node, it is the standalone server of the data folder.
// Commands that need the message store go to a chat node, found in the registry.

import { resolve } from "node:path";
import { silentLog } from "../../base/log.ts";
import { linkAddress } from "../../routing/dependency.ts";
import { discoveryAppid, type Instance } from "../../registry/instance.ts";
import { nearest } from "../../base/did-you-mean.ts";
import { originIn } from "../../registry/client/node-origins.ts";
import type { NodeTrust } from "../../registry/client/node-request.ts";
import type { OptionValues } from "../option-values.ts";
import { firstListing, keylessClient } from "../registry-listing.ts";
import { readClusterKeys } from "../secrets.ts";
import { StartError, UsageError } from "../usage-error.ts";
import { NodeTls } from "../../transport/tls/node-tls.ts";
import { readNodeTls, readNodeTrust } from "../tls.ts";
import type { ControlPlace } from "./ask.ts";

/** Finds the process; asks the registry if --node is an id. Throws StartError, UsageError. */
export async function findProcess(values: OptionValues): Promise<ControlPlace> {
  const node = values.optional("node");
  return node === undefined ? dataFolder(values) : processNamed(node, values, readOwn(values));
}

/** What the files of the options say of this process; read once, because a pipe has nothing left then. */
interface Own {
  readonly clusterKeys: readonly Uint8Array[];
  /** NodeTls if there is a certificate. */
  readonly trust: NodeTrust | undefined;
}

function readOwn(values: OptionValues): Own {
  return { clusterKeys: readClusterKeys(values, silentLog).keys, trust: readNodeTrust(values) };
}

function dataFolder(values: OptionValues): ControlPlace {
  return { kind: "socket", folder: resolve(values.required("data")) };
}

async function processNamed(node: string, values: OptionValues, own: Own): Promise<ControlPlace> {
  const { clusterKeys, trust: tls } = own;
  if (/^https?:/.test(node)) return { kind: "registry", url: node, tls, clusterKeys };
  if (node.startsWith("tcp:")) return link(node.slice("tcp://".length), undefined, values, own);
  if (node.startsWith("tls:")) return link(node, undefined, values, own);
  const { node: asked, instances } = await firstListing(keylessClient(tls), values.required("discovery"));
  const named = instances.filter(({ hostname }) => hostname === node);
  const [first] = named;
  if (first === undefined) throw new StartError(unknownSentence(node, instances));
  if (first.appid === discoveryAppid) {
    // The registry says where it gets the token of the cluster key: not in plain text if it was asked over HTTPS.
    const isSecure = asked.startsWith("https:");
    const url = originIn(first.addrs, isSecure ? "secure" : tls === undefined ? "plain-first" : "secure-first");
    if (url === undefined)
      throw new StartError(
        `${asked} lists ${node} without an https:// address; name one with --node https://host:port`,
      );
    return { kind: "registry", url, tls, clusterKeys };
  }
  const addresses = new Set(named.map(linkAddress));
  const [address] = addresses;
  if (addresses.size > 1)
    throw new StartError(
      `several processes have the id ${node}; name one with --node tcp://host:port or tls://host:port`,
    );
  if (address === undefined) throw new StartError(`${node} (${first.appid}) is not a roost process`);
  return link(address, node, values, own);
}

/**
 * Finds the processes with the message store; any of them can execute the command. With --node, it is that process, or
 * the chat nodes that this registry node lists; else the chat nodes in --discovery if that is given, or the standalone
 * server of the data folder. Throws StartError, UsageError.
 */
export async function findStoreProcesses(values: OptionValues): Promise<readonly ControlPlace[]> {
  const isCluster = values.isGiven("discovery") && values.typedAs("data") !== "--data";
  const named = values.optional("node");
  if (named === undefined && !isCluster) return [dataFolder(values)];
  const own = readOwn(values);
  if (named === undefined) return chatNodes(values.required("discovery"), values, own);
  const place = await processNamed(named, values, own);
  return place.kind === "registry" ? chatNodes([place.url], values, own) : [place];
}

async function chatNodes(registry: readonly string[], values: OptionValues, own: Own): Promise<ControlPlace[]> {
  const { node, instances } = await firstListing(keylessClient(own.trust), registry);
  const env = values.required("env");
  const places = instances.flatMap((instance) => {
    const address = instance.appid === "chat" && instance.env === env ? linkAddress(instance) : undefined;
    return address === undefined ? [] : [link(address, instance.hostname, values, own)];
  });
  if (places.length === 0)
    throw new StartError(`${node} lists no chat node in the environment ${env}; name another with --env`);
  return places;
}

/** A link demands the certificate of this process; the registry, which may have named the address, asks for none. */
function link(
  address: string,
  id: string | undefined,
  values: OptionValues,
  { clusterKeys, trust }: Own,
): ControlPlace {
  if (clusterKeys.length === 0)
    throw new UsageError("--cluster-key-file is required: members of a cluster answer only processes with its key");
  const tls = trust instanceof NodeTls ? trust : readNodeTls(values, "gateway", silentLog);
  return { kind: "link", address, tls, id, clusterKeys };
}

function unknownSentence(node: string, instances: readonly Instance[]): string {
  const near = nearest(
    node,
    instances.map(({ hostname }) => hostname),
  );
  const hint = near === undefined ? "roost nodes lists them" : `did you mean ${near}?`;
  return `the registry lists no process with the id ${node}; ${hint}`;
}
