// A logic service (login, chat) as a member of the cluster: it takes links, is listed as young, comes of age when all
// gateways are linked, and leaves in good order.

import type { ServiceMetrics } from "../observe/metrics.ts";
import type { Health } from "../observe/operator-answers.ts";
import type { Server } from "../transport/transport.ts";
import { closeLeaving } from "../wire/close-reason.ts";
import { Adulthood } from "./adulthood.ts";
import { GatewayWatch } from "./gateway-watch.ts";
import { LinkListener } from "./link/link-listener.ts";
import { Membership } from "./membership.ts";
import { type OwnedStore, OwnersWatch } from "./owners-watch.ts";
import type { Service } from "./service.ts";
import type { Surroundings } from "./surroundings.ts";

export class LogicNode {
  private readonly surroundings: Surroundings;
  private readonly service: Service;
  private readonly metrics: ServiceMetrics;
  private readonly adulthood: Adulthood;
  private readonly gatewayWatch: GatewayWatch;
  private readonly ownersWatch: OwnersWatch;
  private membership: Membership | undefined;
  private server: Server | undefined;

  /** `stores`: those that belong to the cluster, and shall know its keys. */
  constructor(
    surroundings: Surroundings,
    service: Service,
    metrics: ServiceMetrics,
    stores: readonly OwnedStore[] = [],
  ) {
    const { naming, timers, log } = surroundings;
    this.surroundings = surroundings;
    this.service = service;
    this.metrics = metrics;
    const linkedCount = (): number => service.gateways.size;
    this.gatewayWatch = new GatewayWatch({ naming, timers, log, linkedCount });
    this.ownersWatch = new OwnersWatch({ ...surroundings, stores });
    this.adulthood = new Adulthood({
      naming,
      timers,
      log,
      isLinked: (gateway) => service.gateways.has(gateway),
      linkedCount,
      reached: (isForced) => {
        if (isForced) metrics.turnedAdultByForce();
        service.setAdult(true);
        void this.membership?.setState("adult");
      },
    });
  }

  /**
   * Takes links, and registers behind the caller's back. Resolves with where it takes links; rejects with IdTaken, or when
   * the address cannot be bound.
   */
  async start(): Promise<string> {
    const { surroundings, service, metrics } = this;
    const { identity, network, log } = surroundings;
    const listener = new LinkListener({ ...surroundings, service, metrics });
    const { server, advertised } = network.listen(listener, metrics);
    this.server = server;
    const dial = network.dial(metrics);
    this.membership = new Membership({ ...surroundings, dial, link: advertised });
    try {
      await this.membership.claim([identity.service]);
    } catch (error) {
      await this.drain(0);
      throw error;
    }
    const offer = {
      service: identity.service,
      addrs: [`tcp://${advertised}`],
      metadata: new Map([["protocol", "tcp"]]),
    };
    this.membership.join([offer], "young").catch((error: unknown) => {
      log.error("the registry refuses this service", { error: String(error) });
    });
    this.adulthood.start();
    this.gatewayWatch.start();
    this.ownersWatch.start();
    return advertised;
  }

  /** Listed, able to serve everyone, and not left alone by the gateways. */
  get isReady(): boolean {
    return this.service.state.isAdult && this.membership?.isListed === true && this.gatewayWatch.trouble === "";
  }

  /** For `GET /health`. */
  get detail(): Health["detail"] {
    const { service, gatewayWatch } = this;
    return {
      gateways: service.gateways.size,
      adult: service.state.isAdult,
      ...(gatewayWatch.trouble === "" ? {} : { noGateway: gatewayWatch.trouble }),
    };
  }

  /** Stops taking requests, answers those under way for at most `answerMsMax`, and leaves. */
  async drain(answerMsMax: number): Promise<void> {
    this.adulthood.stop();
    this.gatewayWatch.stop();
    this.ownersWatch.stop();
    void this.membership?.setState("leaving");
    await this.service.drain(answerMsMax);
    await this.membership?.leave();
    await this.server?.close(closeLeaving);
  }
}
