// The naming service on a registry in the same process, without requests or time-outs, but with the same guarantees as
// over HTTP. Subscribers are called in a microtask, never from inside a registry's change.

import type { Log } from "../../base/log.ts";
import { type Identity, type Instance, type InstanceStatus, Status } from "../instance.ts";
import type { Directory } from "../directory.ts";
import { type Listed, type Naming, type Registered, RegistryAway, type Registration } from "./naming.ts";
import { type Cancel, systemTimers } from "../../base/timers.ts";
import type { After } from "./pause.ts";
import { renewIntervalMs } from "./registration-loop.ts";
import { sameInstances } from "./same-instances.ts";

/** While the registry is not readable, a subscription checks again at this interval, in milliseconds. */
export const readableCheckMs = 100;

/** An instance without the registry's timestamps. */
export interface LocalInstance
  extends Identity, Pick<Instance, "region" | "addrs" | "version" | "metadata" | "status"> {}

/** Write access to a registry in the same process. */
export interface LocalRegistrar {
  /** Adds or replaces the instance. Throws an Error with a sentence if it is refused. */
  register(instance: LocalInstance): void;
  /** Extends the lease; returns false if the instance is unknown. */
  renew(identity: Identity): boolean;
  /** Cancels the instance; does nothing if it is unknown. */
  cancel(identity: Identity): void;
}

interface InProcessNamingOptions {
  readonly directory: Directory;
  readonly registrar: LocalRegistrar;
  readonly env: string;
  readonly zone: string;
  readonly region: string;
  readonly log: Log;
  readonly after?: After;
}

export class InProcessNaming implements Naming {
  private readonly options: InProcessNamingOptions;
  private readonly after: After;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly registrations = new Map<string, LocalRegistration>();
  private isClosed = false;

  constructor(options: InProcessNamingOptions) {
    this.options = options;
    this.after = options.after ?? systemTimers.after;
  }

  async find(service: string): Promise<readonly Instance[]> {
    const known = this.subscriptions.get(service)?.instances;
    return known !== undefined && !this.options.directory.isReadable ? known : this.findNow(service);
  }

  async findNow(service: string): Promise<readonly Instance[]> {
    return this.instances(service, Status.Up);
  }

  async listAll(service: string): Promise<readonly Listed[]> {
    return this.instances(service, Status.Any).map((instance) => ({ instance, isStale: false, isProven: true }));
  }

  private instances(service: string, mask: number): Instance[] {
    this.refuseWhenClosed();
    const { directory, env } = this.options;
    if (directory.isReadable) return directory.instances(env, service, mask);
    throw new RegistryAway(`the registry does not know yet what there is: ${service}`);
  }

  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void {
    this.refuseWhenClosed();
    if (this.subscriptions.has(service)) throw new Error(`${service} is subscribed already`);
    const { directory, env } = this.options;
    this.subscriptions.set(service, new Subscription({ directory, env, service, after: this.after, onChange }));
  }

  unsubscribe(service: string): void {
    this.subscriptions.get(service)?.end();
    this.subscriptions.delete(service);
  }

  async register(registration: Registration): Promise<Registered> {
    this.refuseWhenClosed();
    const { registrar, env, zone, region, log } = this.options;
    const { service: appid, id: hostname, addrs, version, status, metadata } = registration;
    const key = `${appid}\n${hostname}`;
    if (this.registrations.has(key)) throw new Error(`${appid} ${hostname} is registered by this client already`);
    const instance = { env, appid, zone, hostname, region, addrs, version, status, metadata };
    const local = new LocalRegistration(registrar, instance, this.after, log);
    this.registrations.set(key, local);
    return {
      update: async (change) => local.update(change),
      deregister: async () => {
        local.end();
        if (this.registrations.get(key) === local) this.registrations.delete(key);
      },
    };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const subscription of this.subscriptions.values()) subscription.end();
    for (const registration of this.registrations.values()) registration.end();
    this.subscriptions.clear();
    this.registrations.clear();
  }

  private refuseWhenClosed(): void {
    if (this.isClosed) throw new Error("this naming client is closed");
  }
}

interface SubscriptionParts {
  readonly directory: Directory;
  readonly env: string;
  readonly service: string;
  readonly after: After;
  readonly onChange: (instances: readonly Instance[]) => void;
}

/** Checks after every change, once a turn, and reports lists that differ. */
class Subscription {
  private readonly parts: SubscriptionParts;
  private readonly unwatch: () => void;
  private cancelCheck: Cancel = () => undefined;
  private isQueued = false;
  private isEnded = false;
  /** The last reported list. */
  instances: readonly Instance[] | undefined;

  constructor(parts: SubscriptionParts) {
    this.parts = parts;
    const { directory, env, service } = parts;
    this.unwatch = directory.watch(env, service, () => this.queue());
    this.queue();
  }

  end(): void {
    this.isEnded = true;
    this.cancelCheck();
    this.unwatch();
  }

  private queue(): void {
    if (this.isQueued) return;
    this.isQueued = true;
    queueMicrotask(() => {
      this.isQueued = false;
      if (!this.isEnded) this.look();
    });
  }

  private look(): void {
    const { directory, env, service, after, onChange } = this.parts;
    this.cancelCheck();
    if (!directory.isReadable) {
      this.cancelCheck = after(readableCheckMs, () => this.queue());
      return;
    }
    // As over HTTP, a service that never existed is awaited, not reported as empty.
    if (this.instances === undefined && !directory.knows(env, service)) return;
    const instances = directory.instances(env, service, Status.Up);
    if (this.instances !== undefined && sameInstances(this.instances, instances)) return;
    this.instances = instances;
    onChange(instances);
  }
}

class LocalRegistration {
  private readonly registrar: LocalRegistrar;
  private readonly after: After;
  private readonly log: Log;
  private instance: LocalInstance;
  private isEnded = false;
  private cancelRenewal: Cancel = () => undefined;

  /** Throws what the registrar throws. */
  constructor(registrar: LocalRegistrar, instance: LocalInstance, after: After, log: Log) {
    this.registrar = registrar;
    this.after = after;
    this.log = log;
    this.instance = instance;
    registrar.register(instance);
    this.scheduleRenewal();
  }

  /** Throws what the registrar throws; the former registration then remains. */
  update(change: { readonly status?: InstanceStatus; readonly metadata?: ReadonlyMap<string, string> }): void {
    if (this.isEnded) throw new Error(`${this.instance.appid} ${this.instance.hostname} is deregistered`);
    const instance = { ...this.instance, ...change };
    this.registrar.register(instance);
    this.instance = instance;
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.cancelRenewal();
    this.registrar.cancel(this.instance);
  }

  private scheduleRenewal(): void {
    this.cancelRenewal = this.after(renewIntervalMs, () => {
      this.scheduleRenewal();
      this.renew();
    });
  }

  private renew(): void {
    if (this.registrar.renew(this.instance)) return;
    const { appid, hostname } = this.instance;
    this.log.info("the registry has forgotten this instance: it registers again", { service: appid, id: hostname });
    try {
      this.registrar.register(this.instance);
    } catch (error) {
      // It was accepted before: what is refused now may be accepted after the next interval.
      this.log.warn("the registry refuses to register this instance", {
        service: appid,
        id: hostname,
        error: String(error),
      });
    }
  }
}
