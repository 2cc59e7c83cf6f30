// The instances, addresses and aliases of ids below `node.<domain>`, cached until an instance with the id changes.

import { GenerationCache } from "../../base/generation-cache.ts";
import type { NamedDirectory } from "../directory.ts";
import type { Instance } from "../instance.ts";
import { asciiLower } from "../name-index.ts";
import { addressesOf, endpointsOf } from "./endpoint.ts";
import { type Finding, found } from "./finding.ts";
import { addressRecord, aliasRecord, isHostName, type ResourceRecord } from "./record.ts";
import { isUp } from "./service-view.ts";

const viewsKeptMax = 20_000;
/** Instances and addresses of one id; an id with more of either is not a target of SRV. */
const namesakesMax = 64;
const targetAddressesMax = 32;

/** The instances with one id: usually one, more if several services run on one host. */
export interface NodeView {
  /** False if no instance of any status has the id. */
  readonly exists: boolean;
  /** The instances that the view was created from. */
  readonly namesakes: readonly Instance[];
  readonly instances: readonly Instance[];
  readonly addresses: readonly string[];
  /** True if too many instances or addresses share the id. */
  readonly isCrowded: boolean;
  /** The only record of an id that is an alias for a host. */
  readonly alias: Finding | undefined;
  readonly records: readonly ResourceRecord[];
  /** By type. */
  readonly findings: Map<number, Finding>;
}

interface NodeViewsParts {
  /** In lower case, without the final dot. */
  readonly domain: string;
  readonly ttlSeconds: number;
  readonly env: string;
  readonly directory: NamedDirectory;
}

export class NodeViews {
  private readonly views = new GenerationCache<NodeView>(viewsKeptMax);
  private readonly parts: NodeViewsParts;

  constructor(parts: NodeViewsParts) {
    this.parts = parts;
  }

  of(id: string): NodeView {
    const name = asciiLower(id);
    const { directory, env, domain, ttlSeconds } = this.parts;
    const namesakes = directory.instancesNamed(env, id, namesakesMax);
    const known = this.views.get(name);
    if (known !== undefined && areSame(known.namesakes, namesakes)) return known;
    const instances = namesakes.filter(isUp);
    const addresses = [...new Set(instances.flatMap((instance) => addressesOf(instance)))];
    const isCrowded = namesakes.length === namesakesMax || addresses.length > targetAddressesMax;
    const view: NodeView = {
      exists: namesakes.length > 0,
      namesakes,
      instances,
      addresses,
      isCrowded,
      alias: addresses.length > 0 || isCrowded ? undefined : this.aliasOf(name, instances),
      records: isCrowded
        ? []
        : addresses.map((address) => addressRecord(`${name}.node.${domain}`, ttlSeconds, address)),
      findings: new Map(),
    };
    // Ids that do not exist are not kept: anybody can ask for any number of them.
    if (view.exists) this.views.set(name, view);
    return view;
  }

  /**
   * Returns the alias of an id whose instances have no address and name the same host. A name in this domain is no
   * alias: it could lead back here.
   */
  private aliasOf(id: string, instances: readonly Instance[]): Finding | undefined {
    const { domain, ttlSeconds } = this.parts;
    const [host, other] = new Set(instances.flatMap(endpointsOf).map((endpoint) => endpoint.host));
    if (host === undefined || other !== undefined || !isHostName(host)) return undefined;
    if (host === domain || host.endsWith(`.${domain}`)) return undefined;
    return found([aliasRecord(`${id}.node.${domain}`, ttlSeconds, host)]);
  }
}

function areSame(one: readonly Instance[], other: readonly Instance[]): boolean {
  return one.length === other.length && one.every((instance, at) => instance === other[at]);
}
