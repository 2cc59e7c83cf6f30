// A registry's table with thousands of instances, for the cases about it.

import { testLimits } from "../../test/support/limits.ts";
import { TableRules } from "../../src/registry/table/table-rules.ts";
import { limitTable } from "../../src/base/limits/table.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { EntryState } from "../../src/registry/table/entry.ts";
import { HybridClock } from "../../src/registry/table/hybrid-clock.ts";
import { type Instance, Status } from "../../src/registry/instance.ts";
import { compact } from "../../src/registry/metadata.ts";
import { Table } from "../../src/registry/table/table.ts";

export const env = "prod";
export const services = 50;
export const instancesOfService = 100;

export const serviceOf = (index: number): string => `service-${index % services}`;

/** The state of a living instance; the same `index` is the same instance. */
export function stateOf(index: number, dirty: bigint): EntryState {
  const number = Math.floor(index / services) % instancesOfService;
  const identity = { env, appid: serviceOf(index), zone: `z${number % 2}`, hostname: `${serviceOf(index)}-${number}` };
  const instance: Instance = {
    ...identity,
    region: "r1",
    addrs: [`tcp://10.0.${index % 256}.${number}:8100`],
    version: "1.2.3",
    metadata: compact(
      new Map([
        ["weight", "10"],
        ["protocol", "tcp"],
      ]),
    ),
    status: Status.Up,
    regTimestamp: dirty,
    upTimestamp: dirty,
    dirtyTimestamp: dirty,
    latestTimestamp: dirty,
  };
  return { identity, dirty, instance, ageMs: 0, isProbed: false, hasRenewed: true };
}

/** A table with all of them, and the clock that its versions come from. */
export function filledTable(): { readonly table: Table; readonly versions: HybridClock } {
  const versions = new HybridClock(systemClock, limitTable.timestampAhead.initial);
  const table = new Table({
    rules: new TableRules(testLimits(), true),
    clock: systemClock,
    versions,
    onChange() {},
  });
  for (let index = 0; index < services * instancesOfService; index++) table.merge(stateOf(index, versions.next()));
  return { table, versions };
}
