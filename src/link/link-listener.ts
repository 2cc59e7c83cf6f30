// The accepting side of links: each connection begins with a handshake, and becomes a link of the service. A process
// without a service (a gateway) listens, too, so that others can verify its identity.

import type { Timers } from "../base/timers.ts";
import type { ClusterKeys } from "../auth/cluster-keys.ts";
import type { LinkIdentity } from "../auth/link-proof.ts";
import type { Random } from "../base/random.ts";
import type { ControlCommands } from "../observe/control-commands.ts";
import type { Acceptor, Connection, FrameHandler, Server, TransportObserver } from "../transport/transport.ts";
import { type CloseReason, closeProtocolFault } from "../wire/close-reason.ts";
import { unknownStores } from "./node-stores.ts";
import { ControlLink, operatorService } from "./control-link.ts";
import { AcceptingHandshake, type LinkHost } from "./accepting-handshake.ts";
import type { LinkNetwork } from "./link-network.ts";
import type { LinkState } from "./link-state.ts";

/** The service that dials links. */
export const gatewayService = "gateway";

const closeNotServed = closeProtocolFault("this process takes no links of yours");

/** The service that owns the links of a process. */
interface LinkedService {
  readonly state: LinkState;
  /** Resolves with another incarnation that is linked under a gateway's id and answers a ping. */
  holder(gateway: string, incarnation: string): Promise<string | undefined>;
  /** Takes over a gateway's link; ends an older one of the same gateway. Returns its reader. */
  linked(connection: Connection, gateway: string, incarnation: string): FrameHandler;
}

/** Accepts links for one process. */
export class LinkListener implements Acceptor, LinkHost {
  readonly identity: LinkIdentity;
  readonly random: Random;
  readonly timers: Pick<Timers, "after">;
  /** The address at which others dial it; set by `listen`. */
  address = "";
  private readonly keys: Pick<ClusterKeys, "all">;
  private readonly service: LinkedService | undefined;
  private readonly control: ControlCommands | undefined;
  private readonly metrics: { protocolFault(kind: string): void };
  private readonly gatewayDeclined: (gateway: string, sentence: string) => void;

  constructor(parts: {
    identity: LinkIdentity;
    keys: Pick<ClusterKeys, "all">;
    random: Random;
    timers: Pick<Timers, "after">;
    /** The service that gateways link; undefined refuses gateways. */
    service: LinkedService | undefined;
    /** The commands of operators; undefined refuses operators. */
    control?: ControlCommands;
    metrics: { protocolFault(kind: string): void };
    /** Called when a gateway declines to link this node. */
    gatewayDeclined?: (gateway: string, sentence: string) => void;
  }) {
    this.identity = parts.identity;
    this.keys = parts.keys;
    this.random = parts.random;
    this.timers = parts.timers;
    this.service = parts.service;
    this.control = parts.control;
    this.metrics = parts.metrics;
    this.gatewayDeclined = parts.gatewayDeclined ?? (() => undefined);
  }

  get clusterKeys(): readonly Uint8Array[] {
    return this.keys.all;
  }

  /** Accepts links. Returns the server and its advertised address. Throws if the address cannot be bound. */
  listen(network: LinkNetwork, observer: TransportObserver): { readonly server: Server; readonly advertised: string } {
    const bound = network.listen(this, observer);
    this.address = bound.advertised;
    return bound;
  }

  accept(connection: Connection): FrameHandler {
    return new AcceptingHandshake(connection, this);
  }

  state(): LinkState {
    return this.service?.state ?? { load: 0, isReady: false, stores: unknownStores };
  }

  holder(dialler: LinkIdentity): Promise<string | undefined> {
    return dialler.service === gatewayService && this.service !== undefined
      ? this.service.holder(dialler.id, dialler.incarnation)
      : Promise.resolve(undefined);
  }

  linked(connection: Connection, dialler: LinkIdentity): FrameHandler | CloseReason {
    if (dialler.service === operatorService && this.control !== undefined)
      return new ControlLink(connection, this.control);
    if (dialler.service !== gatewayService || this.service === undefined) return closeNotServed;
    return this.service.linked(connection, dialler.id, dialler.incarnation);
  }

  declined(dialler: LinkIdentity, sentence: string): void {
    if (dialler.service === gatewayService) this.gatewayDeclined(dialler.id, sentence);
  }

  refused(kind: string): void {
    this.metrics.protocolFault(`handshake-${kind}`);
  }
}
