// A service's instances by zone and by protocol, as DNS queries them. Created for one revision of the service, in one
// pass over its instances; later look-ups need no pass.

import { asciiLower } from "../name-index.ts";
import { type Instance, Status } from "../instance.ts";
import { endpointsOf } from "./endpoint.ts";

/** Schemes of one service and zone that are distinguished; addresses with others are found under `tcp` only. */
const schemesMax = 64;

/** UP instances of a service, in one zone or in all. */
class Group {
  readonly up: Instance[] = [];
  private bySchemes: Map<string, Instance[]> | undefined;

  /** Returns those with an address that a protocol covers (`coversScheme`); undefined covers all. */
  covering(protocol: string | undefined): readonly Instance[] {
    if (protocol === undefined) return this.up;
    this.bySchemes ??= this.sorted();
    return this.bySchemes.get(protocol) ?? [];
  }

  private sorted(): Map<string, Instance[]> {
    const lists = new Map<string, Instance[]>([["tcp", []]]);
    const add = (protocol: string, instance: Instance): void => {
      let list = lists.get(protocol);
      if (list === undefined) {
        if (lists.size > schemesMax) return;
        lists.set(protocol, (list = []));
      }
      // An instance's addresses are consecutive.
      if (list.at(-1) !== instance) list.push(instance);
    };
    for (const instance of this.up) {
      for (const { scheme } of endpointsOf(instance)) {
        if (scheme !== "udp") add("tcp", instance);
        if (scheme !== "tcp") add(scheme, instance);
      }
    }
    return lists;
  }
}

export class ServiceView {
  readonly appid: string;
  readonly revision: number;
  readonly madeAtMs: number;
  /** Unique among views. */
  readonly serial: number;
  /** The number of instances of any status. */
  readonly size: number;
  private readonly instances: readonly Instance[];
  private readonly all = new Group();
  /** By the zone's name in lower case; created on first use. */
  private zones: Map<string, Group> | undefined;

  /** `instances` have any status; the view keeps the array. */
  constructor(
    appid: string,
    instances: readonly Instance[],
    made: { readonly revision: number; readonly atMs: number; readonly serial: number },
  ) {
    this.appid = appid;
    this.revision = made.revision;
    this.madeAtMs = made.atMs;
    this.serial = made.serial;
    this.size = instances.length;
    this.instances = instances;
    for (const instance of instances) if (isUp(instance)) this.all.up.push(instance);
  }

  /**
   * Returns the UP instances in a zone (lower case; undefined for all) that a protocol covers; undefined for no such
   * zone.
   */
  covering(zone: string | undefined, protocol: string | undefined): readonly Instance[] | undefined {
    if (zone === undefined) return this.all.covering(protocol);
    this.zones ??= this.byZone();
    return this.zones.get(zone)?.covering(protocol);
  }

  private byZone(): Map<string, Group> {
    const zones = new Map<string, Group>();
    /** The same by spelling: folding a name costs more than a look-up. */
    const spelled = new Map<string, Group>();
    for (const instance of this.instances) {
      const group = spelled.getOrInsertComputed(instance.zone, (zone) =>
        zones.getOrInsertComputed(asciiLower(zone), () => new Group()),
      );
      if (isUp(instance)) group.up.push(instance);
    }
    return zones;
  }
}

export function isUp({ status }: Instance): boolean {
  return (status & Status.Up) !== 0;
}
