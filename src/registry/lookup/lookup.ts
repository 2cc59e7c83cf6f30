// Chooses gateways for a client: its address selects a region, its token one of the region's data centres (IDCs) and up
// to three gateways there. Equal inputs give equal answers on every node. A rule without result is skipped: a distant
// gateway is better for a client than none.

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
  /** Public URLs of one to three gateways, to be tried in order. */
  readonly domains: string[];
}

/** Returns the client's address, as the file's trusted proxies report it. */
export function callerAddress(remote: string, forwardedFor: string | null, rules: LookupRules | undefined): string {
  return rules === undefined ? plainAddress(remote) : forwardedAddress(remote, forwardedFor, rules.trustedProxies);
}

/** Returns the schemes of a query, `scheme=ws,wss`, or undefined if it names none. */
export function schemesIn(query: string): ReadonlySet<string> | undefined {
  const named = new URLSearchParams(query).getAll("scheme").join(",").toLowerCase().split(",");
  const schemes = named.filter((scheme) => /^[a-z][a-z0-9+.-]{0,15}$/.test(scheme)).slice(0, schemesMax);
  return schemes.length === 0 ? undefined : new Set(schemes);
}

/** Returns the gateways with one of `schemes` for a client's token and address, or the reason why there are none. */
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

/** Returns the IDC whose slots include the hash. */
function idcOf(hash: number, { idcs, weightTotal }: Region): string | undefined {
  let slot = hash % weightTotal;
  return idcs.find(({ weight }) => {
    slot -= weight;
    return slot < 0;
  })?.id;
}

/** Returns the gateway whose slots include the hash, and the next ones, cyclically. */
function chosenDomains(hash: number, domains: readonly string[]): string[] {
  const first = Math.floor((hash % (slotsPerGateway * domains.length)) / slotsPerGateway);
  const count = Math.min(domainsMax, domains.length);
  return Array.from({ length: count }, (_, at) => domains[(first + at) % domains.length] ?? "");
}
