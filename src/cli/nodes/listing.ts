// What `roost nodes` shows, as text: a line for each instance. Pure.

import { hasProof } from "../../auth/instance-proof.ts";
import { printable } from "../../base/printable.ts";
import { goneIn } from "../../registry/lookup/gone-gateways.ts";
import { type Instance, Status } from "../../registry/instance.ts";
import { shownAge, tableLines } from "../text-table.ts";
import { type MemberFacts, monitorOf } from "./monitors.ts";

/** One line of the table. */
export interface Row {
  readonly service: string;
  readonly id: string;
  readonly env: string;
  readonly zone: string;
  readonly address: string;
  readonly state: string;
  readonly version: string;
  readonly load: string;
  readonly clients: string;
  readonly monitor: string;
  readonly renewed: string;
  readonly age: string;
}

const columns = [
  ...(["service", "id", "env", "zone", "address", "state", "version", "load", "clients", "monitor"] as const),
  ...(["renewed", "age"] as const),
] satisfies (keyof Row)[];
/** What changes all the time, and is no news. */
const restless: ReadonlySet<keyof Row> = new Set(["load", "clients", "renewed", "age"]);
/** A longer cell takes the place that it needs, and the others keep theirs. */
const cellWidthMax = 44;
const nothing = "-";
/** What members of a cluster register. */
const memberServices: ReadonlySet<string> = new Set(["wgateway", "tgateway", "login", "chat"]);

/** What is known beside the instances. */
export interface ListingFacts {
  /** Addresses of registry nodes that the asked one does not reach. */
  readonly lost: ReadonlySet<string>;
  /** When each was renewed last, in nanoseconds since 1970. */
  readonly renewals: ReadonlyMap<Instance, bigint>;
  /** Those that should have renewed since. */
  readonly stale: ReadonlySet<Instance>;
  /** What members say, by monitor. */
  readonly members: ReadonlyMap<string, MemberFacts>;
}

/**
 * The rows in a stable order. Ages are counted from `nowNs` (nanoseconds since 1970). Where some members of a cluster
 * carry a proof, those that carry none are marked; so are those that a gateway of their environment dials in vain, and
 * gateways whose links to a node of it have broken, and those of any service that have fallen silent.
 */
export function rowsOf(
  instances: readonly Instance[],
  { lost, renewals, stale, members }: ListingFacts,
  nowNs: bigint,
): Row[] {
  // Where nobody proves anything, nobody needs to.
  const provingEnvs = new Set(instances.filter(({ metadata }) => hasProof(metadata)).map(({ env }) => env));
  const factsOf = (instance: Instance): MemberFacts | undefined => {
    const monitor = memberServices.has(instance.appid) ? monitorOf(instance) : undefined;
    return monitor === undefined ? undefined : members.get(monitor);
  };
  const goneOf = (one: Instance): readonly string[] =>
    memberServices.has(one.appid) ? [...(factsOf(one)?.gone ?? []), ...goneIn(one.metadata)] : [];
  const gone = new Set(instances.flatMap((one) => goneOf(one).map((id) => `${one.env}\n${id}`)));
  const ageOf = (ns: bigint): string => shownAge(Number((nowNs - ns) / 1_000_000_000n));
  const rows = instances.map((instance): Row => {
    const { appid, hostname, env, zone, addrs, version, regTimestamp } = instance;
    const facts = factsOf(instance);
    const marks = [
      ...(provingEnvs.has(env) && memberServices.has(appid) && !hasProof(instance.metadata) ? ["no proof"] : []),
      ...(memberServices.has(appid) && gone.has(`${env}\n${hostname}`) ? ["gone"] : []),
      ...(stale.has(instance) ? ["stale"] : []),
    ];
    const renewed = renewals.get(instance);
    return {
      service: appid,
      id: hostname,
      env,
      zone,
      address: addrs.join(" "),
      state: lost.has(hostname) ? "lost" : stateOf(instance, marks),
      version: version === "" ? nothing : version,
      load: facts?.load === undefined ? nothing : facts.load.toLocaleString("en-US"),
      clients: facts?.connections === undefined ? nothing : facts.connections.toLocaleString("en-US"),
      monitor: monitorOf(instance) ?? nothing,
      renewed: renewed === undefined ? nothing : ageOf(renewed),
      age: ageOf(regTimestamp),
    };
  });
  const keyed = rows.map((row) => ({ row, key: [row.service, row.env, row.zone, row.id].join("\n") }));
  return keyed.toSorted((one, other) => (one.key < other.key ? -1 : 1)).map(({ row }) => row);
}

/**
 * The table as lines, with a head line, each made when it is asked for. A registry of another make may hold any text:
 * cells are made printable.
 */
export function* tableOf(rows: readonly Row[]): Generator<string> {
  const cellsOf = (row: Row): string[] => columns.map((name) => printable(row[name]));
  yield* tableLines([columns.map((name) => name.toUpperCase()), ...rows.map(cellsOf)], cellWidthMax);
}

/** What of the rows is news when it changes. */
export function newsOf(rows: readonly Row[]): string {
  const names = columns.filter((name) => !restless.has(name));
  return rows.map((row) => names.map((name) => row[name]).join("\t")).join("\n");
}

/** What members call their states in the registry, in the words of the guide. */
const stateWords: ReadonlyMap<string, string> = new Map([
  ["young", "not ready"],
  ["adult", "ready"],
]);

function stateOf({ status, metadata }: Instance, marks: readonly string[]): string {
  const listed = metadata.get("state");
  const state =
    stateWords.get(listed ?? "") ?? listed ?? (metadata.get("health") === "failing" ? "failing" : undefined);
  const details = [...(state === undefined ? [] : [state]), ...marks];
  return `${status === Status.Up ? "up" : "waiting"}${details.length === 0 ? "" : ` (${details.join(", ")})`}`;
}
