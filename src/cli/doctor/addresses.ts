// Whether the server can listen where its options say, and whom it lets see what is sent there.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { advertisedAs, formatAddress, reachableHost } from "../../transport/address.ts";
import { isLoopbackHost, listOfRanges, holdsAddress, parseRange } from "../../transport/address-ranges.ts";
import { sentenceOf } from "../failure.ts";
import { type Listener, tryListeners } from "../serve/listeners.ts";
import { registryAddress } from "../serve/requirements.ts";
import { StartError } from "../usage-error.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";
import { ownersOf } from "./port-owner.ts";
import { listenersOf, runningServer } from "./running-server.ts";

/** Listens at each address for a moment. Ports that the running server has are fine. */
export async function checkListeners(subject: Subject): Promise<readonly Finding[]> {
  const { values, role } = subject;
  const isShared = role === "gateway" && values.required("reuse-port");
  // Other gateways of this machine may listen at shared ports.
  const listeners = listenersOf(subject).filter(({ option }) => !(isShared && /^--(ws|tcp)$/.test(option)));
  const faults = listeners.flatMap((listener) => {
    const sentence = faultOf([listener]);
    return sentence === undefined ? [] : [{ listener, sentence }];
  });
  if (faults.length === 0) {
    const same = faultOf(listeners);
    if (same !== undefined) return [problem(same)];
    const shown = listeners.flatMap(({ option, address }) =>
      address === undefined ? [] : [`${option} ${formatAddress(address.host, address.port)}`],
    );
    return [ok(shown.length === 0 ? "any free port" : `free: ${shown.join(", ")}`)];
  }
  const server = await runningServer(subject);
  return faults.map(({ listener: { option, address }, sentence }) => {
    const owners = address === undefined ? [] : ownersOf(address.port);
    const isOwn = server !== undefined && (owners.length === 0 || owners.some(({ pid }) => pid === server.pid));
    if (isOwn && address !== undefined && /another program listens/.test(sentence)) {
      const who = server.pid === undefined ? "" : ` (process ${server.pid})`;
      return ok(`${option} ${formatAddress(address.host, address.port)}: the server runs${who}`);
    }
    const [owner] = owners;
    return problem(owner === undefined ? sentence : sentence.replace("another program", shownOwner(owner)));
  });
}

const shownOwner = ({ pid, name }: { readonly pid: number; readonly name: string }): string =>
  `the process ${pid} (${name})`;

function faultOf(listeners: readonly Listener[]): string | undefined {
  try {
    tryListeners(listeners);
    return undefined;
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
}

/** Where a service listens unless an option says it. */
const anyPort = { host: "127.0.0.1", port: 0 };

/** Private networks of RFC 1918 and RFC 4193, and link-local ones: who operates them decides who is on them. */
const privateRanges = listOfRanges(
  ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"].flatMap(
    (text) => parseRange(text) ?? [],
  ),
);

/** Warns of client listeners and monitors that strangers may reach, and whose traffic others can read. */
export function checkExposure(subject: Subject): readonly Finding[] {
  const { values } = subject;
  const isBehindProxy = values.optional("trusted-proxies") !== undefined;
  const hasTls = values.isGiven("tls-cert");
  const hasNodeTls = values.isGiven("node-cert");
  const open = listenersOf(subject).filter(
    ({ address }) => address !== undefined && !isLoopbackHost(address.host) && !isPrivate(address.host),
  );
  const found = open.flatMap(({ option, address }): Finding[] => {
    const place = `${option} ${formatAddress(address?.host ?? "", address?.port ?? 0)}`;
    if (option === "--monitor" && !hasNodeTls)
      return [
        warning(
          `${place} is open to the network in plain text: everybody who reaches it sees the health and the metrics; ` +
            "listen at 127.0.0.1 or a private address",
        ),
      ];
    if (!/^--(ws|tcp)$/.test(option) || hasTls || isBehindProxy) return [];
    return [
      warning(
        `${place} is open to the network in plain text: others can read tokens and messages; give --tls-cert and ` +
          "--tls-key, or put a proxy with TLS in front and name it with --trusted-proxies",
      ),
    ];
  });
  return found.length === 0 ? [ok("no client and no monitor is open to the network in plain text")] : found;
}

function isPrivate(host: string): boolean {
  return isIP(host) !== 0 && holdsAddress(privateRanges, host);
}

/** The `host:port` by which others reach this node; port 0 is any. Throws OwnAddressUnknown. */
export function advertisedAddress({ values, role }: Subject): string {
  const { host, port } = (role === "discovery" ? registryAddress(values) : values.optional("listen")) ?? anyPort;
  return advertisedAs(values.optional("advertise"), reachableHost)(formatAddress(host, port));
}

/** Resolves the name by which others reach this node. */
export async function checkAdvertised({ values, role }: Subject): Promise<readonly Finding[]> {
  const advertise = values.optional("advertise");
  const listen = role === "discovery" ? registryAddress(values) : values.optional("listen");
  if (advertise === undefined) return [ok(`others are told ${advertisedAddress({ values, role })}`)];
  const source = values.sourceOf("advertise");
  const addresses = await addressesOf(advertise.host);
  if (typeof addresses === "string")
    return [problem(`${source}: ${advertise.host}: ${addresses}; give a name that others can resolve, or an address`)];
  const isOnlyHere = addresses.every((address) => isLoopbackHost(address));
  if (isOnlyHere && listen !== undefined && !isLoopbackHost(listen.host))
    return [
      problem(
        `${source}: ${advertise.host} is ${addresses.join(", ")}, which leads other machines to themselves; ` +
          "give an address of this machine on the network",
      ),
    ];
  return [ok(`${advertise.host} is ${addresses.join(", ")}`)];
}

async function addressesOf(host: string): Promise<string[] | string> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    return sentenceOf(error);
  }
}
