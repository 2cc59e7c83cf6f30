// The table that `roost nodes` prints: a line for each instance. Pure.

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
/** Columns that change all the time. */
const volatileColumns: ReadonlySet<keyof Row> = new Set(["load", "clients", "renewed", "age"]);
const cellWidthMax = 44;
const nothing = "-";
/** The services that members of a cluster register. */
const memberServices: ReadonlySet<string> = new Set(["wgateway", "tgateway", "login", "chat"]);

/** What is known besides the instances; see RegistryListing. */
export interface ListingFacts {
  readonly lost: ReadonlySet<string>;
  readonly renewals: ReadonlyMap<Instance, bigint>;
  readonly stale: ReadonlySet<Instance>;
  /** By monitor. */
  readonly members: ReadonlyMap<string, MemberFacts>;
}

/**
 * Returns the rows in a stable order; ages are relative to `nowNs` (nanoseconds since 1970). Marks:
 *
 * - `no proof`: the member lacks the proof of the cluster key that other members of its environment carry
 * - `gone`: a gateway of its environment cannot connect to it, or its links to a node have broken
 * - `stale`: its renewals have stopped
 */
export function rowsOf(
  instances: readonly Instance[],
  { lost, renewals, stale, members }: ListingFacts,
  nowNs: bigint,
): Row[] {
  // In an environment without a cluster key no member has a proof.
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

/** Yields the lines of the table. Cells are made printable: a foreign registry may hold any text. */
export function* tableOf(rows: readonly Row[]): Generator<string> {
  const cellsOf = (row: Row): string[] => columns.map((name) => printable(row[name]));
  yield* tableLines([columns.map((name) => name.toUpperCase()), ...rows.map(cellsOf)], cellWidthMax);
}

/** Returns a text that changes with the rows, except for their volatile columns. */
export function changeKeyOf(rows: readonly Row[]): string {
  const names = columns.filter((name) => !volatileColumns.has(name));
  return rows.map((row) => names.map((name) => row[name]).join("\t")).join("\n");
}

/** The states of members in the registry, as the documentation names them. */
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
