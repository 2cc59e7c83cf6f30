// A service's instances as DNS asks for them: by zone and by protocol. Made of one revision of the service, in one pass
// over its instances; what is asked for afterwards costs no pass of its own.

import { asciiLower } from "../name-index.ts";
import { type Instance, Status } from "../instance.ts";
import { endpointsOf } from "./endpoint.ts";

/** Schemes of one service and zone that are told apart; addresses of others are found under `tcp` alone. */
const schemesMax = 64;

/** UP instances of a service, of one zone or of all. */
class Group {
  readonly up: Instance[] = [];
  private bySchemes: Map<string, Instance[]> | undefined;

  /** Those with an address that a protocol covers (`coversScheme`); undefined covers each. */
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
      // An instance's addresses come one after the other.
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
  /** No two views share it. */
  readonly serial: number;
  /** Instances of any status. */
  readonly size: number;
  private readonly instances: readonly Instance[];
  private readonly all = new Group();
  /** By the zone's name in lower case; made when a zone is first asked for. */
  private zones: Map<string, Group> | undefined;

  /** `instances` are those of any status; the array is kept. */
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
   * UP instances in a zone (lower case; undefined: in all) that a protocol covers; undefined if there is no such zone.
   */
  covering(zone: string | undefined, protocol: string | undefined): readonly Instance[] | undefined {
    if (zone === undefined) return this.all.covering(protocol);
    this.zones ??= this.byZone();
    return this.zones.get(zone)?.covering(protocol);
  }

  private byZone(): Map<string, Group> {
    const zones = new Map<string, Group>();
    /** The same by the name as it is spelled: to fold it costs more than to look it up. */
    const spelled = new Map<string, Group>();
    for (const instance of this.instances) {
      let group = spelled.get(instance.zone);
      if (group === undefined) {
        const zone = asciiLower(instance.zone);
        group = zones.get(zone) ?? new Group();
        zones.set(zone, group);
        spelled.set(instance.zone, group);
      }
      if (isUp(instance)) group.up.push(instance);
    }
    return zones;
  }
}

export function isUp({ status }: Instance): boolean {
  return (status & Status.Up) !== 0;
}
