// The file of `--lookup`: it maps addresses to regions, and shares a region's clients out between its data centres
// (IDCs). The whole file is checked; errors name the file and the field.
//
//   { "regions": [ { "id": "eu", "cidrs": ["10.0.0.0/8", "fd00::/8"],
//                    "idcs": [ { "id": "fra", "weight": 70 }, { "id": "ams", "weight": 30 } ] } ],
//     "default": "eu", "trustedProxies": ["127.0.0.1/32"] }

import { BlockList } from "node:net";
import { trustedProxiesMax, weightMax } from "../../base/limits/fixed.ts";
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
import { type AddressRange, listOfRanges, parseRange } from "../../transport/address-ranges.ts";
import { faultOfName, nameBounds } from "../names.ts";

const regionsMax = 1_000;
const idcsPerRegionMax = 100;
/** In all regions together: a caller's address is compared with each. */
const cidrsMax = 10_000;

/** A data centre of a region. */
interface Idc {
  /** Gateways there carry the tag `IDC` with this value. */
  readonly id: string;
  readonly weight: number;
}

export interface Region {
  readonly id: string;
  readonly networks: BlockList;
  /** In the file's order, in which they occupy the slots. */
  readonly idcs: readonly Idc[];
  /** The sum of their weights, above 0. */
  readonly weightTotal: number;
}

/** The contents of a lookup file. */
export interface LookupRules {
  /** In the file's order: the first of overlapping networks applies. */
  readonly regions: readonly Region[];
  /** The region of addresses outside of all networks. */
  readonly defaultRegion: Region;
  /** Proxies whose X-Forwarded-For is trusted. */
  readonly trustedProxies: BlockList;
}

/**
 * Parses a lookup file; `path` names it in messages.
 * @throws BadFile
 */
export function parseLookupFile(text: string, path: string): LookupRules {
  return rulesOf(parseJsonFile(text, path));
}

function rulesOf(file: Field): LookupRules {
  const member = membersOf(file, ["regions", "default", "trustedProxies"]);
  const regions = listOf(member("regions"), regionsMax, 1).map(regionOf);
  refuseDuplicates(member("regions"), "id", regions);
  const cidrs = regions.reduce((total, { networks }) => total + networks.rules.length, 0);
  if (cidrs > cidrsMax) throw faultAt(member("regions"), `expected at most ${cidrsMax} CIDRs in all`);
  const name = nameOf(member("default"));
  const defaultRegion = regions.find(({ id }) => id === name);
  if (defaultRegion === undefined) throw faultAt(member("default"), `unknown region ${JSON.stringify(name)}`);
  const proxies = member("trustedProxies");
  const trustedProxies = proxies.value === undefined ? new BlockList() : networksOf(proxies, trustedProxiesMax);
  return { regions, defaultRegion, trustedProxies };
}

function regionOf(field: Field): Region {
  const member = membersOf(field, ["id", "cidrs", "idcs"]);
  const id = nameOf(member("id"));
  const networks = networksOf(member("cidrs"), cidrsMax);
  const idcs = listOf(member("idcs"), idcsPerRegionMax, 1).map(idcOf);
  refuseDuplicates(member("idcs"), "id", idcs);
  const weightTotal = idcs.reduce((total, { weight }) => total + weight, 0);
  if (weightTotal === 0) throw faultAt(member("idcs"), "the weights sum to zero");
  return { id, networks, idcs, weightTotal };
}

function idcOf(field: Field): Idc {
  const member = membersOf(field, ["id", "weight"]);
  return { id: nameOf(member("id")), weight: wholeOf(member("weight"), weightMax) };
}

function networksOf(field: Field, countMax: number): BlockList {
  return listOfRanges(listOf(field, countMax).map(rangeOf));
}

function rangeOf(field: Field): AddressRange {
  const range = parseRange(nameOf(field));
  if (range === undefined)
    throw faultAt(field, `invalid value ${JSON.stringify(field.value)}: expected a CIDR, such as 10.0.0.0/8`);
  return range;
}

function nameOf(field: Field): string {
  return textOf(field, (text) => faultOfName("it", text, nameBounds)?.sentence);
}
