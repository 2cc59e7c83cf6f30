// What `roost nodes` shows, as text: a line for each instance. Pure.

import { printable } from "../../base/printable.ts";
import { type Instance, Status } from "../../registry/instance.ts";

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
const gap = "  ";

/**
 * The rows in a stable order. `lost` holds the addresses of registry nodes that the asked one does not reach; ages are
 * counted from `nowNs` (nanoseconds since 1970).
 */
export function rowsOf(instances: readonly Instance[], lost: ReadonlySet<string>, nowNs: bigint): Row[] {
  const rows = instances.map((instance): Row => {
    const { appid, hostname, env, zone, addrs, regTimestamp } = instance;
    return {
      service: appid,
      id: hostname,
      env,
      zone,
      address: addrs.join(" "),
      state: lost.has(hostname) ? "lost" : stateOf(instance),
      age: ageOf(nowNs - regTimestamp),
    };
  });
  const keyOf = ({ service, env, zone, id }: Row): string => [service, env, zone, id].join("\n");
  return rows.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** The table as lines, with a head line. A registry of another make may hold any text: cells are made printable. */
export function tableOf(rows: readonly Row[]): string[] {
  const lines = [
    columns.map((name) => name.toUpperCase()),
    ...rows.map((row) => columns.map((name) => printable(row[name]))),
  ];
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => Bun.stringWidth(cells[column] ?? ""))));
  const padded = (cell: string, column: number): string =>
    cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell)));
  return lines.map((cells) => cells.map(padded).join(gap).trimEnd());
}

function stateOf({ status, metadata }: Instance): string {
  const state = metadata.get("state") ?? (metadata.get("health") === "failing" ? "failing" : undefined);
  return `${status === Status.Up ? "up" : "waiting"}${state === undefined ? "" : ` (${state})`}`;
}

/** `7s`, `12m`, `5h`, `3d`. */
function ageOf(ageNs: bigint): string {
  const seconds = Math.max(0, Number(ageNs / 1_000_000_000n));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
