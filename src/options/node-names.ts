// The value of --nodes: the nodes that get certificates, each with the DNS names and IP addresses at which clients and
// other nodes reach it. Certificates and TLS compare names in the form that is returned here.

import { isIPv4, isIPv6 } from "node:net";
import { parseId } from "./values.ts";

/** RFC 1035, 2.3.4, and RFC 1123, 2.1. */
const nameCharactersMax = 253;
const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
/** The last label holds a letter: 10.0.0 and 10.0.0.256 are no names. */
const dnsName = new RegExp(String.raw`^(?:${label}\.)*(?=[a-z0-9-]*[a-z])${label}$`);

/** A file of the authority has this name. */
const authorityId = "ca";

/**
 * Returns a DNS name in lower case, or an IP address in its shortest form. Throws a sentence for anything else: a
 * wildcard, a name in Unicode, a port, an address of all interfaces.
 */
export function parseHostName(text: string): string {
  if (isIPv4(text) || (isIPv6(text) && !text.includes("%"))) {
    const address = shortestAddress(text);
    if (address === "0.0.0.0" || address === "::")
      throw new Error(`the address at which others reach the node; ${text} stands for all its interfaces`);
    return address;
  }
  const name = text.toLowerCase();
  if (name.length > nameCharactersMax || !dnsName.test(name)) throw new Error(ruleOf(text));
  return name;
}

/** Returns an IP address in the form that equal addresses share (RFC 5952 for IPv6). */
export function shortestAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

function ruleOf(text: string): string {
  const rule = "a DNS name or an IP address, such as chat1.internal, 10.0.0.5 or fd00::5";
  if (text.includes("*")) return `${rule}, not a wildcard`;
  if (/[^\p{ASCII}]/u.test(text)) return `${rule}; write an international name in its ASCII form (xn--…)`;
  if (/^[^:]+:\d+$/.test(text) || text.startsWith("[")) return `${rule}, without a port or brackets`;
  return rule;
}

/**
 * Returns a parser of `id=host` pairs with commas between them, at most `countMax`; the names of each id, in the order
 * given. A repeated id has several names. The empty text has no nodes. The parser throws a sentence.
 */
export function namedNodesUpTo(countMax: number): (text: string) => ReadonlyMap<string, readonly string[]> {
  return (text) => {
    const pairs = text === "" ? [] : text.split(",");
    if (pairs.length > countMax) throw new Error(`at most ${countMax} pairs id=host with commas between them`);
    const nodes = new Map<string, string[]>();
    for (const pair of pairs) {
      const at = pair.indexOf("=");
      if (at === -1)
        throw new Error("id=host,… such as chat-1=10.0.0.5,chat-1=chat1.internal: a node may have several names");
      const id = parseId(pair.slice(0, at));
      if (id.toLowerCase() === authorityId)
        throw new Error(`an id other than ${authorityId}, which names the files of the authority`);
      const [name, names] = [parseHostName(pair.slice(at + 1)), nodes.get(id) ?? []];
      nodes.set(id, names.includes(name) ? names : [...names, name]);
    }
    return nodes;
  };
}
