// A lookup file and the gateways of several data centres, for tests of the lookup. The hashes in the comments are
// CRC-32 by another implementation.

import { PublicGateways } from "../../src/registry/lookup/public-gateways.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { type LookupAnswer, lookupGateways } from "../../src/registry/lookup/lookup.ts";
import { type LookupRules, parseLookupFile } from "../../src/registry/lookup/lookup-file.ts";
import { FakeDirectory } from "./dns/fake-directory.ts";

export const file = {
  regions: [
    {
      id: "eu",
      cidrs: ["10.0.0.0/8", "fd00::/8"],
      idcs: [
        { id: "fra", weight: 70 },
        { id: "ams", weight: 30 },
      ],
    },
    { id: "us", cidrs: ["20.0.0.0/8", "10.0.0.0/9"], idcs: [{ id: "nyc", weight: 1 }] },
  ],
  default: "us",
  trustedProxies: ["127.0.0.1/32", "172.16.0.0/12", "::1/128"],
};

export const rules = parseLookupFile(JSON.stringify(file), "lookup.json");

export function gatewaysIn(instances: readonly Instance[] = []): PublicGateways {
  const directory = new FakeDirectory(instances);
  return new PublicGateways({ directory, revisions: directory, env: "prod", clock: systemClock });
}

export function lookup(
  token: string,
  instances: readonly Instance[],
  parts: { address?: string; rules?: LookupRules; schemes?: ReadonlySet<string>; nowMs?: number } = {},
): LookupAnswer {
  const { address = "10.1.1.1", nowMs = 1_000 } = parts;
  const found = lookupGateways(token, address, parts.rules, gatewaysIn(instances), parts.schemes, nowMs);
  if ("reason" in found) throw new Error(found.reason);
  return found;
}
