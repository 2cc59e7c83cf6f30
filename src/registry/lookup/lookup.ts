// Which gateways a client is told to use: by its address a region, by its token one of the region's data centres (IDCs)
// and up to three gateways there. The same inputs give the same answer on every node of the registry. A rule that leads
// nowhere is passed over: a client is better off with a distant gateway than with none.

import { plainAddress } from "../../transport/address.ts";
import { holdsAddress } from "../../transport/address-ranges.ts";
import { forwardedAddress } from "../../transport/forwarded-for.ts";
import type { LookupRules, Region } from "./lookup-file.ts";
import type { PublicGateways } from "./public-gateways.ts";

const domainsMax = 3;
const slotsPerGateway = 10;
const schemesMax = 8;

export interface LookupAnswer {
  /** The registry's time, in seconds since 1970. */
  readonly utc: number;
  /** The caller's region; '' without rules. */
  readonly location: string;
  /** Public URLs of one to three gateways, to be tried in this order. */
  readonly domains: string[];
}

/** The address on whose behalf a request came, by the file's own trusted proxies. */
export function callerAddress(remote: string, forwardedFor: string | null, rules: LookupRules | undefined): string {
  return rules === undefined ? plainAddress(remote) : forwardedAddress(remote, forwardedFor, rules.trustedProxies);
}

/** The schemes that a query names, `scheme=ws,wss`: undefined when it names none. */
export function schemesIn(query: string): ReadonlySet<string> | undefined {
  const named = new URLSearchParams(query).getAll("scheme").join(",").toLowerCase().split(",");
  const schemes = named.filter((scheme) => /^[a-z][a-z0-9+.-]{0,15}$/.test(scheme)).slice(0, schemesMax);
  return schemes.length === 0 ? undefined : new Set(schemes);
}

/**
 * The gateways for a client with that token at that address, of those schemes; or why there are none, as a sentence.
 */
export function lookupGateways(
  token: string,
  address: string,
  rules: LookupRules | undefined,
  gateways: PublicGateways,
  schemes?: ReadonlySet<string>,
  nowMs: number = Date.now(),
): LookupAnswer | { readonly reason: string } {
  const region = rules === undefined ? undefined : regionOf(address, rules);
  const hash = Bun.hash.crc32(token);
  const urls = gateways.urls(region === undefined ? undefined : idcOf(hash, region), schemes);
  if (urls.length === 0)
    return { reason: schemes === undefined ? "no gateway is up" : `no gateway is up at ${[...schemes].join(", ")}` };
  return { utc: Math.floor(nowMs / 1000), location: region?.id ?? "", domains: chosenDomains(hash, urls) };
}

function regionOf(address: string, { regions, defaultRegion }: LookupRules): Region {
  return regions.find(({ networks }) => holdsAddress(networks, address)) ?? defaultRegion;
}

/** The IDC whose share of the slots holds the hash. */
function idcOf(hash: number, { idcs, weightTotal }: Region): string | undefined {
  let slot = hash % weightTotal;
  return idcs.find(({ weight }) => {
    slot -= weight;
    return slot < 0;
  })?.id;
}

/** The gateway that holds the hash's slot, and the next ones, all around. */
function chosenDomains(hash: number, domains: readonly string[]): string[] {
  const first = Math.floor((hash % (slotsPerGateway * domains.length)) / slotsPerGateway);
  const count = Math.min(domainsMax, domains.length);
  return Array.from({ length: count }, (_, at) => domains[(first + at) % domains.length] ?? "");
}
