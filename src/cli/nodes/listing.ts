// What `roost nodes` shows, as text: a line for each instance. Pure.

import { hasProof } from "../../auth/instance-proof.ts";
import { printable } from "../../base/printable.ts";
import { type Instance, Status } from "../../registry/instance.ts";
import { shownAge, tableLines } from "../text-table.ts";

/** One line of the table. */
export interface Row {
  readonly service: string;
  readonly id: string;
  readonly env: string;
  readonly zone: string;
  readonly address: string;
  readonly state: string;
  readonly age: string;
}

const columns = ["service", "id", "env", "zone", "address", "state", "age"] as const satisfies (keyof Row)[];
/** What members of a cluster register. */
const memberServices: ReadonlySet<string> = new Set(["wgateway", "tgateway", "login", "chat"]);

/**
 * The rows in a stable order. `lost` holds the addresses of registry nodes that the asked one does not reach; ages are
 * counted from `nowNs` (nanoseconds since 1970). Where some members of a cluster carry a proof, those that carry none are marked.
 */
export function rowsOf(instances: readonly Instance[], lost: ReadonlySet<string>, nowNs: bigint): Row[] {
  // Where nobody proves anything, nobody needs to.
  const provingEnvs = new Set(instances.filter(({ metadata }) => hasProof(metadata)).map(({ env }) => env));
  const rows = instances.map((instance): Row => {
    const { appid, hostname, env, zone, addrs, regTimestamp } = instance;
    return {
      service: appid,
      id: hostname,
      env,
      zone,
      address: addrs.join(" "),
      state: lost.has(hostname) ? "lost" : stateOf(instance, provingEnvs.has(env)),
      age: shownAge(Number((nowNs - regTimestamp) / 1_000_000_000n)),
    };
  });
  const keyOf = ({ service, env, zone, id }: Row): string => [service, env, zone, id].join("\n");
  return rows.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** The table as lines, with a head line. A registry of another make may hold any text: cells are made printable. */
export function tableOf(rows: readonly Row[]): string[] {
  return tableLines([
    columns.map((name) => name.toUpperCase()),
    ...rows.map((row) => columns.map((name) => printable(row[name]))),
  ]);
}

function stateOf({ appid, status, metadata }: Instance, isProving: boolean): string {
  const state = metadata.get("state") ?? (metadata.get("health") === "failing" ? "failing" : undefined);
  const lacksProof = isProving && memberServices.has(appid) && !hasProof(metadata);
  const details = [...(state === undefined ? [] : [state]), ...(lacksProof ? ["no proof"] : [])];
  return `${status === Status.Up ? "up" : "waiting"}${details.length === 0 ? "" : ` (${details.join(", ")})`}`;
}
