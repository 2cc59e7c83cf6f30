// The file of the selector `route`: the zone of each app or account. It is checked completely before it is used; an
// error names the file and the field.
//
//   { "routeBy": "app",
//     "zones": [ { "id": "zone_a", "weight": 80 }, { "id": "zone_b", "weight": 20 } ],
//     "whitelist": [ { "key": "beta-app", "value": "zone_b" } ] }

import { weightMax } from "../../base/limits/fixed.ts";
import {
  type Field,
  faultAt,
  listOf,
  membersOf,
  parseJsonFile,
  refuseDuplicates,
  textOf,
  wholeOf,
} from "../../base/json-file.ts";
import { faultOfName, nameBounds } from "../../registry/names.ts";

const zonesMax = 1_000;
const whitelistMax = 100_000;

/** A zone and its share. */
interface RouteZone {
  /** The zone of its nodes in the registry. */
  readonly id: string;
  readonly weight: number;
}

/** The content of a route file. */
export interface RouteRules {
  /** Whether the app's or the account's hash determines the zone. */
  readonly routeBy: "app" | "account";
  /** In the order of the file, which is the order of their slots. */
  readonly zones: readonly RouteZone[];
  /** The sum of their weights: more than 0. */
  readonly weightTotal: number;
  /** Apps with a fixed zone, whatever their hash. */
  readonly zoneOfApp: ReadonlyMap<string, string>;
}

/**
 * Reads a route file; `path` is what messages call it. `routeBy` and `whitelist` may be left out.
 * @throws BadFile
 */
export function parseRouteFile(text: string, path: string): RouteRules {
  const member = membersOf(parseJsonFile(text, path), ["routeBy", "zones", "whitelist"]);
  const routeBy = routeByOf(member("routeBy"));
  const zones = listOf(member("zones"), zonesMax, 1).map(zoneOf);
  refuseDuplicates(member("zones"), "id", zones);
  const weightTotal = zones.reduce((total, { weight }) => total + weight, 0);
  if (weightTotal === 0) throw faultAt(member("zones"), "the weights sum to zero");
  return { routeBy, zones, weightTotal, zoneOfApp: whitelistOf(member("whitelist"), zones) };
}

function routeByOf(field: Field): RouteRules["routeBy"] {
  const { value = "account" } = field;
  if (value !== "app" && value !== "account") throw faultAt(field, "expected app or account");
  return value;
}

function zoneOf(field: Field): RouteZone {
  const member = membersOf(field, ["id", "weight"]);
  return { id: nameOf(member("id")), weight: wholeOf(member("weight"), weightMax) };
}

function whitelistOf(field: Field, zones: readonly RouteZone[]): ReadonlyMap<string, string> {
  if (field.value === undefined) return new Map();
  const ids = new Set(zones.map(({ id }) => id));
  const entries = listOf(field, whitelistMax).map((item) => {
    const member = membersOf(item, ["key", "value"]);
    const entry = { key: nameOf(member("key")), value: nameOf(member("value")) };
    if (!ids.has(entry.value)) throw faultAt(member("value"), `unknown zone ${JSON.stringify(entry.value)}`);
    return entry;
  });
  refuseDuplicates(field, "key", entries);
  return new Map(entries.map(({ key, value }) => [key, value]));
}

function nameOf(field: Field): string {
  return textOf(field, (text) => faultOfName("it", text, nameBounds)?.sentence);
}
