// A registry's table as the readers see it, in memory and in the test's hands.

import type { NamedDirectory } from "../../../src/registry/directory.ts";
import { appKey, type Instance, Status } from "../../../src/registry/instance.ts";
import { EnvNames, type NameKind } from "../../../src/registry/name-index.ts";

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

export class FakeDirectory implements NamedDirectory {
  isReadable = true;
  version = 0;
  /** By key; of the others it is that of the last replacement. */
  private readonly revisions = new Map<string, number>();
  private replacedAt = 0;
  private services = new Map<string, Instance[]>();
  private names = new Map<string, Instance[]>();

  private envs = new Map<string, EnvNames>();

  constructor(instances: readonly Instance[] = []) {
    this.replace(instances);
  }

  replace(instances: readonly Instance[]): void {
    this.services = Map.groupBy(instances, ({ env, appid }) => appKey(env, appid));
    this.names = Map.groupBy(instances, ({ env, hostname }) => `${env} ${hostname.toLowerCase()}`);
    this.envs = new Map();
    for (const instance of instances) {
      const names = this.envs.get(instance.env) ?? new EnvNames();
      this.envs.set(instance.env, names);
      names.add(instance);
    }
    this.replacedAt = ++this.version;
    this.revisions.clear();
  }

  /** Says that a service has changed; its instances stay. */
  touch(env: string, appid: string): void {
    this.revisions.set(appKey(env, appid), ++this.version);
  }

  revisionOf(env: string, appid: string): number {
    return this.revisions.get(appKey(env, appid)) ?? this.replacedAt;
  }

  instances(env: string, appid: string, mask: number): Instance[] {
    return (this.services.get(appKey(env, appid)) ?? []).filter(({ status }) => (status & mask) !== 0);
  }

  instancesNamed(env: string, hostname: string, countMax: number): Instance[] {
    return (this.names.get(`${env} ${hostname.toLowerCase()}`) ?? []).slice(0, countMax);
  }

  knows(env: string, appid: string): boolean {
    return this.services.has(appKey(env, appid));
  }

  serviceNamed(env: string, name: string): string | undefined {
    return Array.from(this.envs.get(env)?.of("service").spellings(name) ?? [])[0];
  }

  isBranch(env: string, kind: NameKind, name: string): boolean {
    return this.envs.get(env)?.of(kind).isBranch(name) ?? false;
  }

  watch(): () => void {
    return () => undefined;
  }
}
