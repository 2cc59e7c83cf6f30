// A gateway that dials the nodes of a service.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { Dependency } from "../../src/routing/dependency.ts";
import type { Dial } from "../../src/link/link-network.ts";
import { type Link, Links } from "../../src/routing/links.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { Gateway } from "../../src/roles/gateway/gateway.ts";
import { until } from "../../scripts/harness/until.ts";
import { systemRuntime, type Time } from "../../src/base/runtime.ts";
import { clusterKey, newIdentity, afterwards, LinkEnd } from "./support.ts";
import type { TestNode } from "./test-node.ts";
import { instanceOf, HandNaming } from "./hand-naming.ts";

/** A gateway without clients, that depends on the service `chat`. */
export class TestGateway extends LinkEnd {
  readonly naming = new HandNaming();
  /** What was said when its id was taken. */
  readonly taken: string[] = [];
  readonly gateway: Gateway;
  readonly dependency: Dependency<Channel>;

  constructor(
    identity: LinkIdentity = newIdentity("gate"),
    parts: Partial<Time> & { readonly keys?: readonly Uint8Array[]; readonly dial?: Dial } = {},
  ) {
    super(identity, parts.keys);
    const links = new Links<Channel>(["login", "chat"]);
    const { metrics, wheel } = this;
    this.gateway = new Gateway({
      serviceId: identity.id,
      links,
      verifier: new TokenVerifier([clusterKey]),
      wheel,
      limits: new AddressLimits(100, this.limits, wheel),
      bounds: this.limits,
      metrics,
      log: silentLog,
      ...defaultSettings("gateway"),
      ...systemRuntime,
    });
    this.dependency = new Dependency("chat", {
      ...this.side,
      naming: this.naming,
      dial: parts.dial ?? this.dial,
      links,
      stores: this.gateway.stores,
      clock: parts.clock ?? this.clock,
      timers: parts.timers ?? this.timers,
      limits: this.limits,
      log: silentLog,
      handlerOf: (link) => new Downlink(this.gateway, link),
      idTaken: (sentence) => {
        this.taken.push(sentence);
        // The process ends.
        this.stop();
      },
    });
    this.dependency.start();
    afterwards(() => this.stop());
  }

  /** The registry lists these nodes. */
  list(...nodes: TestNode[]): void {
    this.naming.list("chat", ...nodes.map(({ identity, address }) => instanceOf(identity, address)));
  }

  stop(): void {
    this.dependency.stop();
    this.dependency.close();
  }

  get links(): readonly Link<Channel>[] {
    return [...this.gateway.links.all()];
  }

  /** The ids of the nodes that are linked. */
  get linked(): readonly string[] {
    return this.links.map(({ id }) => id).toSorted();
  }

  /** Resolves when both sides know of their link. */
  async linkedTo(...nodes: TestNode[]): Promise<void> {
    const { id, incarnation } = this.identity;
    const knows = ({ service }: TestNode): boolean => service.gateways.get(id)?.incarnation === incarnation;
    await until(() => nodes.every((node) => knows(node) && this.linked.includes(node.identity.id)), "they are linked");
  }

  /** The node that the next connection would be given. */
  get choice(): string | undefined {
    return this.gateway.links.choose("chat", { channelId: "c", app: "app", account: "alice" })?.id;
  }
}
