// A logic service (login, chat) as a member of the cluster: it accepts links, becomes ready when all gateways are
// linked, and leaves in good order.

import type { ServiceMetrics } from "../observe/metrics.ts";
import type { Health } from "../observe/operator-answers.ts";
import type { Server } from "../transport/transport.ts";
import { closeLeaving } from "../wire/close-reason.ts";
import { type Cancel, every } from "../base/timers.ts";
import type { Sessions } from "../session/sessions.ts";
import { Readiness } from "../service/readiness.ts";
import { DeclinedBy } from "../service/declined-by.ts";
import { GatewayWatch } from "./gateway-watch.ts";
import { LinkListener } from "../link/link-listener.ts";
import { LostGateways } from "../service/lost-gateways.ts";
import { Membership } from "./membership.ts";
import { areSameStores, type NodeStores, unknownStores } from "../link/node-stores.ts";
import { type OwnedStore, OwnersWatch } from "./owners-watch.ts";
import { RegistryCheck } from "./registry-check.ts";
import type { Service } from "../service/service.ts";
import type { NodeEnvironment } from "./environment.ts";
import { UnlinkedGateways } from "./unlinked-gateways.ts";

/** How often it checks whether an unavailable engine has identified its store, and whether gateways are gone. */
const lookMs = 1_000;

export class LogicNode {
  private readonly environment: NodeEnvironment;
  private readonly service: Service;
  private readonly metrics: ServiceMetrics;
  private readonly readiness: Readiness;
  private readonly gatewayWatch: GatewayWatch;
  private readonly ownersWatch: OwnersWatch;
  private readonly declinedBy: DeclinedBy;
  private readonly unlinked: UnlinkedGateways | undefined;
  private readonly lost: LostGateways;
  private readonly registryCheck: RegistryCheck;
  /** The stores that it announced last. */
  private told: NodeStores = unknownStores;
  private cancelLook: Cancel | undefined;
  private membership: Membership | undefined;
  private server: Server | undefined;

  /** `stores`: those that record the cluster's keys as their owner. `sessions`: has the leases of gateways. */
  constructor(
    environment: NodeEnvironment,
    service: Service,
    metrics: ServiceMetrics,
    stores: readonly OwnedStore[] = [],
    sessions?: Pick<Sessions, "gateways">,
  ) {
    const { identity, naming, clock, timers, log } = environment;
    this.environment = environment;
    this.service = service;
    this.metrics = metrics;
    const linkedCount = (): number => service.gateways.size;
    const isLinked = (gateway: string): boolean => service.gateways.has(gateway);
    this.lost = new LostGateways({ naming, clock, log, isLinked });
    service.linkEnded = (gateway) => this.lost.ended(gateway);
    this.declinedBy = new DeclinedBy({ clock, log, isLinked });
    const gateways = sessions?.gateways?.bind(sessions);
    const canBeFound = (): boolean => this.membership?.isListed === true && naming.isAnswered !== false;
    this.unlinked = gateways && new UnlinkedGateways({ gateways, isLinked, canBeFound, timers, log });
    const services = (): readonly string[] => this.membership?.services ?? [];
    this.registryCheck = new RegistryCheck({ naming, timers, log, id: identity.id, services });
    metrics.unlinkedGateways = () => this.unlinked?.ids.length ?? 0;
    metrics.registryGaps = () => this.registryCheck.gaps;
    this.gatewayWatch = new GatewayWatch({
      naming,
      timers,
      log,
      linkedCount,
      declined: () => this.declinedBy.trouble || (this.membership?.trouble ?? ""),
    });
    this.ownersWatch = new OwnersWatch({ ...environment, stores });
    this.readiness = new Readiness({
      naming,
      timers,
      log,
      isLinked,
      linkedCount,
      prepared: () => service.prepared(),
      reached: (isForced) => {
        if (isForced) metrics.becameReadyByForce();
        service.setReady(true);
        void this.membership?.setState("adult");
      },
    });
  }

  /**
   * Accepts links, and registers in the background. Resolves with the address of its listener; rejects with IdTaken, or
   * if the address cannot be bound.
   */
  async start(): Promise<string> {
    const { environment, service, metrics } = this;
    const { identity, network, log } = environment;
    const listener = new LinkListener({
      ...environment,
      service,
      metrics,
      gatewayDeclined: (gateway, sentence) => this.declinedBy.heard(gateway, sentence),
    });
    const { server, advertised } = listener.listen(network, metrics);
    this.server = server;
    const dial = network.dial(metrics);
    this.membership = new Membership({
      ...environment,
      dial,
      link: advertised,
      stores: () => service.state.stores,
      gone: () => this.lost.ids,
    });
    try {
      await this.membership.claim([identity.service]);
    } catch (error) {
      await this.drain(0);
      throw error;
    }
    const offer = {
      service: identity.service,
      addrs: [advertised.startsWith("tls://") ? advertised : `tcp://${advertised}`],
      metadata: new Map([["protocol", "tcp"]]),
    };
    this.membership.join([offer], "young").catch((error: unknown) => {
      log.error("this process cannot be registered", { error: String(error) });
    });
    this.readiness.start();
    this.gatewayWatch.start();
    this.ownersWatch.start();
    this.unlinked?.start();
    this.registryCheck.start();
    this.told = service.state.stores;
    this.cancelLook = every(environment.timers, lookMs, () => this.lookAround());
    return advertised;
  }

  /** Whether all registry nodes list it, it can serve all accounts, and gateways link it and do not decline it. */
  get isReady(): boolean {
    return (
      this.service.state.isReady &&
      this.membership?.isListed === true &&
      this.gatewayWatch.trouble === "" &&
      this.declinedBy.trouble === "" &&
      this.registryCheck.trouble === ""
    );
  }

  /** For `GET /health`. */
  get detail(): Health["detail"] {
    const { service, gatewayWatch, declinedBy, registryCheck } = this;
    const unlinked = this.unlinked?.ids ?? [];
    const unregistered = this.membership?.trouble ?? "";
    // Only one of these entries tells why gateways do not link this node.
    const noGateway = unregistered === "" && declinedBy.trouble === "" ? gatewayWatch.trouble : "";
    return {
      gateways: service.gateways.size,
      load: service.state.load,
      selectable: service.state.isReady,
      ...(unregistered === "" ? {} : { unregistered }),
      ...(declinedBy.trouble === "" ? {} : { storesDiffer: declinedBy.trouble }),
      ...(noGateway === "" ? {} : { noGateway }),
      ...(unlinked.length === 0 ? {} : { unlinkedGateways: unlinked.join(",") }),
      ...(registryCheck.trouble === "" ? {} : { registrySplit: registryCheck.trouble }),
      ...this.membership?.remarks,
    };
  }

  /** Refuses new requests, waits at most `answerMsMax` for the answers of pending ones, and leaves. */
  async drain(answerMsMax: number): Promise<void> {
    this.readiness.stop();
    this.gatewayWatch.stop();
    this.ownersWatch.stop();
    this.unlinked?.stop();
    this.registryCheck.stop();
    this.cancelLook?.();
    void this.membership?.setState("leaving");
    await this.service.drain(answerMsMax);
    await this.membership?.leave();
    await this.server?.close(closeLeaving);
  }

  /** Announces the stores to gateways and the registry when they become known or change, and reports lost gateways. */
  private lookAround(): void {
    const { stores } = this.service.state;
    if (!areSameStores(stores, this.told)) {
      this.told = stores;
      this.service.tellState();
    }
    this.lost.look();
    void this.membership?.tellChanges();
  }
}
