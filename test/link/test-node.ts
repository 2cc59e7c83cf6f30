// A service that takes links over TCP.

import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Context } from "../../src/service/context.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { type NodeStores, unknownStores } from "../../src/link/node-stores.ts";
import { Router } from "../../src/service/router.ts";
import { Service } from "../../src/service/service.ts";
import type { NodeTls } from "../../src/transport/tls/node-tls.ts";
import type { Server } from "../../src/transport/transport.ts";
import type { Timers } from "../../src/base/timers.ts";
import { WatchedTimers } from "./timers.ts";
import { systemClock } from "../../src/base/clock.ts";
import { clusterKey, newIdentity, handshakeTimers, LinkEnd } from "./support.ts";

/** A logic service that takes links and keeps what it is asked, unanswered. */
export class TestNode extends LinkEnd {
  readonly asked: Context[] = [];
  /** `linked ID`, `lost ID`, in the order of the service's events. */
  readonly told: string[] = [];
  readonly dispatcher = new Dispatcher();
  readonly service: Service;
  readonly serviceTimers = new WatchedTimers();
  address = "";
  /** What it says of its stores. */
  stores: NodeStores = unknownStores;
  /** `GATEWAY: sentence` of those that do not want it. */
  readonly declined: string[] = [];
  private server: Server | undefined;

  constructor(identity: LinkIdentity, keys?: readonly Uint8Array[], limits?: Limits, tls?: NodeTls) {
    super(identity, keys, limits, tls);
    const keep = (): ((context: Context) => void) => (context) => void this.asked.push(context);
    this.service = new Service({
      clock: systemClock,
      timers: this.serviceTimers,
      router: new Router([keep]),
      dispatcher: this.dispatcher,
      log: silentLog,
      stores: () => this.stores,
      gatewayLinked: (gateway) => void this.told.push(`linked ${gateway}`),
      gatewayLost: (gateway) => void this.told.push(`lost ${gateway}`),
    });
  }

  /** A node that takes links, ready unless a test says otherwise. */
  static start(
    id: string,
    {
      service = "chat",
      isReady = true,
      key = clusterKey,
      timers = handshakeTimers,
      tls,
    }: {
      readonly service?: string;
      readonly isReady?: boolean;
      readonly key?: Uint8Array;
      /** Those of the handshakes that it accepts. */
      readonly timers?: Timers;
      readonly tls?: NodeTls;
    } = {},
    keys = [key],
    limits?: Limits,
  ): TestNode {
    const node = new TestNode(newIdentity(id, service), keys, limits, tls);
    node.service.setReady(isReady);
    const { address, server } = node.listen(
      new LinkListener({
        ...node.side,
        timers,
        service: node.service,
        gatewayDeclined: (gateway, sentence) => void node.declined.push(`${gateway}: ${sentence}`),
      }),
    );
    node.address = address;
    node.server = server;
    return node;
  }

  /** Ends as a killed process does. */
  kill(): Promise<void> {
    return this.server === undefined ? Promise.resolve() : this.end(this.server);
  }
}
