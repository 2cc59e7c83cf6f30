// A registry whose list a test writes.

import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import type { Listed, Naming, Registered, Registration } from "../../src/registry/client/naming.ts";
import { type Instance, Status } from "../../src/registry/instance.ts";

/** A listed instance of a service of ours. */
export function instanceOf(
  { id, service, incarnation }: LinkIdentity,
  link: string,
  metadata: Readonly<Record<string, string>> = {},
): Instance {
  return {
    env: "test",
    appid: service,
    zone: "z1",
    hostname: id,
    region: "",
    addrs: [`tcp://${link}`],
    version: "test",
    metadata: new Map(Object.entries({ id, incarnation, link, state: "adult", ...metadata })),
    status: Status.Up,
    regTimestamp: 0n,
    upTimestamp: 0n,
    dirtyTimestamp: 0n,
    latestTimestamp: 0n,
  };
}

/** A registry that lists what a test says. While it is away every question is refused. */
export class HandNaming implements Naming {
  isAway = false;
  /** How often it was asked. */
  finds = 0;
  readonly registrations: Registration[] = [];
  private readonly listed = new Map<string, readonly Instance[]>();
  private readonly watchers = new Map<string, (instances: readonly Instance[]) => void>();

  /** From now on it lists these instances of a service, and tells who watches. */
  list(service: string, ...instances: Instance[]): void {
    this.listed.set(service, instances);
    this.watchers.get(service)?.(instances);
  }

  find(service: string): Promise<readonly Instance[]> {
    this.finds++;
    if (this.isAway) return Promise.reject(new Error("no registry node answers"));
    return Promise.resolve(this.listed.get(service) ?? []);
  }

  findNow(service: string): Promise<readonly Instance[]> {
    return this.find(service);
  }

  async listAll(service: string): Promise<readonly Listed[]> {
    const listed = await this.find(service);
    return listed.map((instance) => ({ instance, isStale: false, isProven: true }));
  }

  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void {
    this.watchers.set(service, onChange);
    const atFirst = this.listed.get(service);
    queueMicrotask(() => {
      // What was listed since has been told already.
      const isNews = atFirst !== undefined && this.listed.get(service) === atFirst;
      if (isNews && this.watchers.get(service) === onChange) onChange(atFirst);
    });
  }

  unsubscribe(service: string): void {
    this.watchers.delete(service);
  }

  register(registration: Registration): Promise<Registered> {
    this.registrations.push(registration);
    return Promise.resolve({ update: () => Promise.resolve(), deregister: () => Promise.resolve() });
  }

  close(): Promise<void> {
    this.watchers.clear();
    return Promise.resolve();
  }
}
