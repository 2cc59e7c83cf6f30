// What a role needs of its options beyond what each option says alone. It is judged before any file is read or made;
// `roost doctor` judges by the same rules.

import type { Log } from "../../base/log.ts";
import type { MemberRole } from "../../node/member.ts";
import { choiceOf, isDatabaseFile } from "../../options/engine-url.ts";
import { sessionsEngines, storeEngines } from "../../options/engines.ts";
import type { Role } from "../../options/option.ts";
import { optionsOfRole } from "../../options/options.ts";
import { formatAddress, type SocketAddress } from "../../transport/address.ts";
import { isLoopbackHost } from "../../transport/address-ranges.ts";
import type { NodeTls } from "../../transport/tls/node-tls.ts";
import { optionsOf } from "../command-options.ts";
import type { OptionValues } from "../option-values.ts";
import { UsageError } from "../usage-error.ts";

/** Where a registry listens unless an option says it. */
const listenDefault = { host: "127.0.0.1", port: 7171 };

/** Throws UsageError for a flag or a line of the file that means nothing to the role. */
export function requireOwnOptions(values: OptionValues, role: Role): void {
  const meaningful = optionsOfRole(role);
  for (const name of optionsOf.serve) {
    // A variable may be meant for another role or command: `roost nodes` uses ROOST_DISCOVERY.
    const source = values.typedAs(name);
    if (source !== undefined && !meaningful.includes(name))
      throw new UsageError(`${source} does not apply to --role ${role}; remove it`);
  }
}

/**
 * Throws UsageError if keys of the API would cross a network in plain text. `hasTls`: there is a certificate for it;
 * `certificate` names the option that gives one.
 */
export function requireSecureApi(
  values: OptionValues,
  address: SocketAddress | undefined,
  hasTls: boolean,
  certificate: string,
): void {
  if (address === undefined || hasTls || isLoopbackHost(address.host) || values.required("api-plain")) return;
  throw new UsageError(
    `${values.sourceOf("api")} ${formatAddress(address.host, address.port)} would carry keys in plain text: give a ` +
      `certificate with ${certificate}, or say --api-plain if a proxy in front has TLS`,
  );
}

/** Throws UsageError for stores that others would share. */
export function requireStandaloneStores(values: OptionValues): void {
  if ((values.optional("sessions") ?? "memory:") !== "memory:")
    throw new UsageError(`${values.sourceOf("sessions")} takes memory: in a standalone server`);
  const store = values.optional("store");
  if (store !== undefined && !isDatabaseFile(store))
    throw new UsageError(`${values.sourceOf("store")} takes sqlite:PATH in a standalone server`);
}

/** Throws UsageError if nothing says where the registry is. */
export function requireRegistry(values: OptionValues, role: MemberRole): void {
  if (!values.isGiven("discovery"))
    throw new UsageError(
      `--discovery is required: the registry by which a ${role} finds the others, such as http://10.0.0.5:7171`,
    );
}

/** Throws UsageError if a node that requires TLS would ask the registry in plain text. */
export function requireSecureRegistry(urls: readonly string[], nodeTls: Pick<NodeTls, "isRequired"> | undefined): void {
  const plain = urls.find((url) => url.startsWith("http:") && !isLoopbackHost(new URL(url).hostname));
  if (nodeTls?.isRequired === true && plain !== undefined)
    throw new UsageError(
      `--discovery ${plain} is plain text, and this node requires TLS: name it as https://…, or set ` +
        "--node-tls accept while the cluster changes to TLS",
    );
}

/** Throws UsageError if a process of a cluster is to find the files of messages in a folder. */
export function requireSharedMedia(values: OptionValues): void {
  if (values.required("media").kind === "folder")
    throw new UsageError(
      `${values.sourceOf("media")} folder is for a standalone server; services share an S3-compatible store: s3://…`,
    );
}

/** Warns if a registry in which everybody may write is accepted. */
export function warnOfOpenRegistry(values: OptionValues, log: Log): void {
  if (values.required("insecure"))
    log.warn(
      `${values.sourceOf("insecure")}: a registry without a key is accepted; whoever reaches it can take services ` +
        `out of it, and processes of the former release are not linked`,
    );
}

/** Throws UsageError unless a member of a cluster has a key. */
export function requireClusterKey(keys: readonly Uint8Array[]): void {
  if (keys.length === 0)
    throw new UsageError(
      "--cluster-key-file is required: services prove to each other that they know the same key, of at least 16 bytes",
    );
}

/** Throws UsageError if no client could come in. */
export function requireDoor(values: OptionValues): void {
  if (values.optional("ws") === undefined && values.optional("tcp") === undefined)
    throw new UsageError("--ws and --tcp are both off: nobody could come in");
}

/** Returns the URL of the sessions that services share. Throws UsageError. */
export function requiredSessions(values: OptionValues): string {
  const sessions = values.required("sessions", `is required: ${choiceOf(sessionsEngines)}`);
  if (sessions.startsWith("memory:"))
    throw new UsageError(
      `${values.sourceOf("sessions")} memory: is for a standalone server only; services share sqlite:PATH or redis://…`,
    );
  return sessions;
}

/** Returns the URL of a chat node's store. Throws UsageError. */
export function requiredStore(values: OptionValues): string {
  return values.required("store", `is required: ${choiceOf(storeEngines)}`);
}

/** Returns where a registry node listens. */
export function registryAddress(values: OptionValues): { readonly host: string; readonly port: number } {
  return values.optional("listen") ?? listenDefault;
}

/** Throws UsageError if everybody on the network could write to a registry, or if it has a key and needs none. */
export function requireClosedRegistry(values: OptionValues, keys: readonly Uint8Array[]): void {
  const { host } = registryAddress(values);
  const isInsecure = values.required("insecure");
  if (keys.length === 0 && !isInsecure && !isLoopbackHost(host)) {
    throw new UsageError(
      `--listen ${host} lets everybody who reaches it write: give a key with --cluster-key-file, or say ` +
        `--insecure when the network is closed (clients of bilibili/discovery know no keys)`,
    );
  }
  if (keys.length > 0 && isInsecure)
    throw new UsageError(`${values.sourceOf("insecure")} and a cluster key are both given; keep one`);
}
