// A registry's table as the readers see it, in memory and in the test's hands.

import type { Directory } from "../../../src/registry/directory.ts";
import { appKey, type Instance, Status } from "../../../src/registry/instance.ts";

/** An instance with the attributes that matter here; the others are empty. */
export function instanceOf(parts: Partial<Instance> & { readonly appid: string; readonly hostname: string }): Instance {
  return {
    env: "prod",
    zone: "z1",
    region: "",
    addrs: [],
    version: "",
    metadata: new Map(),
    status: Status.Up,
    regTimestamp: 0n,
    upTimestamp: 0n,
    dirtyTimestamp: 0n,
    latestTimestamp: 0n,
    ...parts,
  };
}

export class FakeDirectory implements Directory {
  isReadable = true;
  version = 0;
  private services = new Map<string, Instance[]>();
  private names = new Map<string, Instance[]>();

  constructor(instances: readonly Instance[] = []) {
    this.replace(instances);
  }

  replace(instances: readonly Instance[]): void {
    this.services = Map.groupBy(instances, ({ env, appid }) => appKey(env, appid));
    this.names = Map.groupBy(instances, ({ env, hostname }) => `${env} ${hostname.toLowerCase()}`);
    this.version++;
  }

  instances(env: string, appid: string, mask: number): Instance[] {
    return (this.services.get(appKey(env, appid)) ?? []).filter(({ status }) => (status & mask) !== 0);
  }

  instancesNamed(env: string, hostname: string): Instance[] {
    return [...(this.names.get(`${env} ${hostname.toLowerCase()}`) ?? [])];
  }

  knows(env: string, appid: string): boolean {
    return this.services.has(appKey(env, appid));
  }

  watch(): () => void {
    return () => undefined;
  }
}
