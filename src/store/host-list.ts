// The servers that a URL names, in libpq's form: postgres://user:password@h1:5432,h2,[::1]:5433/db, with
// target_session_attrs=read-write. See "Specifying Multiple Hosts" in
// https://www.postgresql.org/docs/current/libpq-connect.html. Whatever talks to a server takes the URL of that one.

/** Each failover asks all of them at once. */
export const hostsMax = 16;

const defaultPort = 5432;
const attributeName = "target_session_attrs";
/** What a store, which writes, may ask for; both mean the same here. */
const attributes: readonly (string | null)[] = ["read-write", "primary"];

interface Parts {
  /** The scheme, and `user:password@`. */
  readonly head: string;
  readonly hosts: readonly string[];
  readonly path: string;
  /** With its question mark, and with what follows it; empty if there is none. */
  readonly query: string;
}

function partsOf(text: string): Parts | undefined {
  const [, scheme, authority = "", path = "", query = ""] =
    /^(postgres(?:ql)?:\/\/)([^/?#]*)([^?]*)(.*)$/s.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const end = authority.lastIndexOf("@") + 1;
  return { head: scheme + authority.slice(0, end), hosts: authority.slice(end).split(","), path, query };
}

/** Returns a query without target_session_attrs, which is no setting of a connection; the rest as it is. */
function withoutAttribute(query: string): string {
  const pairs = query.slice(1).split("&");
  const kept = pairs.filter((pair) => !pair.startsWith(`${attributeName}=`));
  if (kept.length === pairs.length) return query;
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}

/** Returns a URL for each server that a URL names, unchecked and in its order: that URL itself if it names one. */
export function hostUrls(text: string): readonly [string, ...string[]] {
  const parts = partsOf(text);
  if (parts === undefined) return [text];
  const { head, hosts, path, query } = parts;
  const [first = text, ...others] = hosts.map((host) => head + host + path + withoutAttribute(query));
  return [first, ...others];
}

/**
 * Checks the hosts of a URL. The message says what is expected, and shows neither user nor password.
 * @throws Error for a host that is empty, malformed or given twice, for too many of them, and for a
 * target_session_attrs that leads to servers which take no writes
 */
export function checkHosts(text: string): void {
  const parts = partsOf(text);
  if (parts === undefined) return;
  const { hosts, query } = parts;
  const given = new URLSearchParams(query).getAll(attributeName);
  if (given.length > 1 || given.some((value) => !attributes.includes(value)))
    throw new Error(`${attributeName}=read-write, once, for the store writes; or a URL without it`);
  if (hosts.length === 1) return;
  if (hosts.length > hostsMax) throw new Error(`at most ${hostsMax} hosts in the URL`);
  const places = new Set<string>();
  for (const [index, host] of hosts.entries()) {
    const place = canonical(host);
    if (place === undefined)
      throw new Error(
        `hosts as in h1:5432,h2,[::1]:5433, with ports from 1 to 65535; host ${index + 1} of the URL is ` +
          (host === "" ? "empty" : JSON.stringify(host)),
      );
    if (places.has(place)) throw new Error(`hosts that differ; the URL names ${place} twice`);
    places.add(place);
  }
}

/** `host:port` with the port that is meant; undefined for what is no host. IPv6 stands in brackets. */
function canonical(host: string): string | undefined {
  const [, name, digits = `${defaultPort}`] = /^(\[[^\]]*\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(host) ?? [];
  const port = Number(digits);
  // A special scheme, unlike postgres:, makes the parser check the address.
  if (name === undefined || port < 1 || port > 65_535 || !URL.canParse(`http://${nameToCheck(name)}/`))
    return undefined;
  return `${name.toLowerCase()}:${port}`;
}

/** A folder of Unix sockets has its slashes escaped, which no name of a host has. */
function nameToCheck(name: string): string {
  return /^%2f/i.test(name) ? "socket" : name;
}
