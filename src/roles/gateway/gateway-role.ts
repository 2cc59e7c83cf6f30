// The gateway: client listeners on one side, links to services on the other. It opens its doors once it is linked to
// every node that the registry lists, so that it can serve and reach each client at once.

import type { TokenKeys, TokenVerifier } from "../../auth/token.ts";
import type { TokenKeyFiles } from "../../auth/token-key-files.ts";
import { descriptorsMax } from "../../base/descriptors.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { gatewayServices } from "../../registry/lookup/gateway-services.ts";
import { Dependency } from "../../routing/dependency.ts";
import type { Link } from "../../routing/links.ts";
import { LinkListener } from "../../link/link-listener.ts";
import { heartbeatMs } from "../../link/link-state.ts";
import { Membership, type Offer } from "../../node/membership.ts";
import { RegistryCheck } from "../../node/registry-check.ts";
import type { Reload } from "../../routing/selectors/reload-route-file.ts";
import type { NodeEnvironment } from "../../node/environment.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { type Cancel, every, sleep } from "../../base/timers.ts";
import type { Member } from "../../transport/connection-group.ts";
import type { Flusher } from "../../transport/flusher.ts";
import { listenTcp } from "../../transport/tcp.ts";
import { CertificateWatch, listenerSource } from "../../transport/tls/certificate-watch.ts";
import type { Server, TransportOptions } from "../../transport/transport.ts";
import type { Pages } from "../../transport/page-requests.ts";
import { listenWebSocket } from "../../transport/websocket.ts";
import { closeLeaving } from "../../wire/close-reason.ts";
import { basicPing } from "../../wire/packet.ts";
import type { ClientSettings, GatewaySettings, TokenSettings } from "../settings.ts";
import { AddressLimits } from "./address-limits.ts";
import type { Channel } from "./channel.ts";
import { boundUnsent, clientTransport } from "./client-bounds.ts";
import { ClientAcceptor } from "./client-acceptor.ts";
import { Downlink } from "./downlink.ts";
import { dismissClients } from "./dismissal.ts";
import { Gateway } from "./gateway.ts";
import { type ChosenLinks, linksBy } from "./selection.ts";
import { gatewayTokenKeys } from "./token-keys.ts";

/** The services that a gateway depends on. */
const gatewayDependencies = ["login", "chat"] as const;

/** Nodes that do not answer must not keep a gateway closed without end. */
const completeMsMax = 10_000;
const completeCheckMs = 1;
/** Between two looks at what other gateways go by. */
const lookMs = 5_000;
/** Descriptors kept for everything that is not a client's connection: listeners, the store, links, logs. */
const descriptorsReserved = 200;
/** Where the system does not say how many there may be. */
const descriptorsUnknown = 1_000_000;

/** Nodes of which health says why they cannot be reached. */
const reasonsMax = 3;

/** Schemes of listeners with TLS. */
const secureScheme = { ws: "wss", tcp: "tls" } as const;

/** What a gateway is given, beside what surrounds it. */
interface GatewayParts extends ClientSettings, Pick<GatewaySettings, "selection" | "reusePort" | "tags"> {
  readonly verifier: TokenVerifier;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
  readonly metrics: ServiceMetrics;
  /** Between two comparisons of its sessions with the store's; sessionCensusMs unless it is given. */
  readonly censusMs?: number;
  /** What the WebSocket listener answers besides. */
  readonly pages?: Pages | undefined;
  /** The URL that clients reach a listener by, of its scheme and its bound address. */
  readonly publicUrl: (scheme: string, bound: string) => string;
  /** The keys of the verifier, and how they are read again; undefined: they are not. */
  readonly tokenKeys?: TokenSettings["tokenKeys"];
}

/** `host:port` as bound. */
interface GatewayAddresses {
  readonly link: string;
  readonly ws: string | undefined;
  readonly tcp: string | undefined;
}

/** A gateway as its process holds it. */
export class GatewayRole {
  private readonly environment: NodeEnvironment;
  private readonly parts: GatewayParts;
  private readonly gateway: Gateway;
  private readonly chosen: ChosenLinks;
  private readonly acceptor: ClientAcceptor;
  private readonly transport: TransportOptions;
  private readonly dependencies: readonly Dependency<Channel>[];
  private readonly servers: Server[] = [];
  /** Nodes that have been linked before. */
  private readonly everLinked = new Set<string>();
  private readonly endBeat: Cancel;
  private linkServer: Server | undefined;
  private membership: Membership | undefined;
  private readonly registryCheck: RegistryCheck;
  private cancelLook: Cancel | undefined;
  private readonly certificates: CertificateWatch | undefined;
  private readonly tokenKeys: TokenKeyFiles | undefined;

  constructor(environment: NodeEnvironment, parts: GatewayParts) {
    const { wheel, flusher, metrics, selection } = parts;
    const { limits: bounds, log, clock, random, timers, network } = environment;
    this.environment = environment;
    this.parts = parts;
    this.chosen = linksBy(selection, gatewayDependencies, random, metrics);
    const { links } = this.chosen;
    const descriptors = descriptorsMax() ?? descriptorsUnknown;
    const connectionsMax = Math.max(1, descriptors - descriptorsReserved);
    const limits = new AddressLimits(connectionsMax, bounds, wheel);
    const serviceId = environment.identity.id;
    this.gateway = new Gateway({ ...environment, ...parts, serviceId, links, limits, bounds });
    this.acceptor = new ClientAcceptor(this.gateway);
    this.transport = clientTransport(parts, { limits: bounds, log, clock, descriptors, connectionsMax }, this.gateway);
    bounds.measure("requestsPerLink", () => Math.max(0, ...Array.from(links.all(), ({ pending }) => pending.size)));
    bounds.measure("unsentBytesPerLink", () =>
      Math.max(0, ...Array.from(links.all(), ({ connection }) => connection.unsentBytes)),
    );
    boundUnsent(bounds, { flusher, wheel, connections: () => this.clientConnections() });
    const host = {
      ...environment,
      links,
      stores: this.gateway.stores,
      dial: network.dial(metrics),
      handlerOf: (link: Link<Channel>) => this.linkedWith(link),
      idTaken: environment.lost,
    };
    const { naming } = environment;
    const services = (): readonly string[] => this.membership?.services ?? [];
    this.registryCheck = new RegistryCheck({ naming, timers, log, id: serviceId, services });
    metrics.registryGaps = () => this.registryCheck.gaps;
    this.dependencies = gatewayDependencies.map((service) => new Dependency(service, host));
    this.endBeat = every(timers, heartbeatMs, () => {
      for (const { connection } of links.all()) connection.send(basicPing);
      this.gateway.signOuts.tidy();
      this.gateway.census.tick();
      this.gateway.revocations.tick();
    });
    this.gateway.expiries.start();
    const source = parts.tls && listenerSource(parts.tls.context, parts.tls.files);
    const certificates = source && new CertificateWatch({ source, timers, clock, log });
    this.certificates = certificates;
    this.tokenKeys = parts.tokenKeys && gatewayTokenKeys(this.gateway, parts.tokenKeys, timers);
    metrics.certificates = certificates && (() => certificates);
  }

  /**
   * Links itself to the services, lets clients in, and registers behind the caller's back. Rejects with IdTaken, or
   * when an address cannot be bound. Resolves with `host:port` as bound.
   */
  async start(): Promise<GatewayAddresses> {
    try {
      return await this.open();
    } catch (error) {
      await this.drain(0, 0);
      throw error;
    }
  }

  private async open(): Promise<GatewayAddresses> {
    const { environment, parts } = this;
    const { network, log } = environment;
    const listener = new LinkListener({ ...environment, service: undefined, metrics: parts.metrics });
    const { server, advertised } = listener.listen(network, parts.metrics);
    this.linkServer = server;
    const dial = network.dial(parts.metrics);
    const { stores } = this.gateway;
    const membership = new Membership({ ...environment, dial, link: advertised, stores: () => stores.decided });
    this.membership = membership;
    const lists = await membership.claim(gatewayServices);
    // What other gateways go by counts for this one, too.
    gatewayServices.forEach((service, at) => stores.listed(service, lists[at] ?? []));
    for (const dependency of this.dependencies) dependency.start();
    await this.linked();
    const ws = this.listen("ws");
    const tcp = this.listen("tcp");
    const offers = [this.offer("wgateway", "ws", ws), this.offer("tgateway", "tcp", tcp)];
    membership
      .join(
        offers.filter((offer) => offer !== undefined),
        "adult",
      )
      .catch((error: unknown) => {
        log.error("this process cannot be registered", { error: String(error) });
      });
    this.registryCheck.start();
    this.cancelLook = every(environment.timers, lookMs, () => this.lookAtGateways());
    return { link: advertised, ws, tcp };
  }

  /** What is wrong in the cluster as this gateway sees it: entries for `GET /health`; none when all is well. */
  get troubles(): Readonly<Record<string, string>> {
    const { trouble: storesDiffer } = this.gateway.stores;
    const { trouble: registrySplit } = this.registryCheck;
    const unregistered = this.membership?.trouble ?? "";
    return {
      ...(unregistered === "" ? {} : { unregistered }),
      ...(storesDiffer === "" ? {} : { storesDiffer }),
      ...(registrySplit === "" ? {} : { registrySplit }),
    };
  }

  /** What an operator should know although the gateway does its job: entries for `GET /health`. */
  get remarks(): Readonly<Record<string, string>> {
    const gone = this.dependencies.flatMap((dependency) => dependency.gone);
    const { remark = "" } = this.certificates ?? {};
    return {
      ...this.membership?.remarks,
      ...(remark === "" ? {} : { certificate: remark }),
      ...(gone.length === 0 ? {} : { gone: gone.map(({ id }) => id).join(","), goneReasons: reasonsOf(gone) }),
    };
  }

  /** Services without a node that can be chosen: the gateway can do its job when there are none. */
  missingServices(): readonly string[] {
    return this.gateway.links.missing();
  }

  /** Nodes that are linked, those that are not ready included. */
  get linkedNodes(): number {
    return Array.from(this.gateway.links.all()).length;
  }

  /** The registry lists it. */
  get isListed(): boolean {
    return this.membership?.isListed === true;
  }

  /** The keys of tokens, as they were read last; undefined: they are somebody else's to keep. */
  get presentTokenKeys(): TokenKeys | undefined {
    return this.tokenKeys?.keys;
  }

  /** Reads the route file again; undefined when there is none. */
  reloadRouteFile(): Reload | undefined {
    return this.chosen.reload();
  }

  /** Reads its files again: routes, token keys, the certificate. Sentences for the log; undefined if there is none. */
  reload(): string | undefined {
    const sentences = [this.reloadRouteFile()?.sentence, this.tokenKeys?.reload(), this.certificates?.reload()];
    return sentences.filter((sentence) => sentence !== undefined).join("; ") || undefined;
  }

  /** Client connections, signed in or not yet. */
  get connections(): number {
    return this.gateway.metrics.channels;
  }

  /**
   * Stops accepting, then sends every client away with 1012, spread over `spreadMs`, each once its requests are
   * answered; all of it takes at most `drainMsMax`. Then leaves the registry, and ends the links.
   */
  async drain(drainMsMax: number, spreadMs: number): Promise<void> {
    const { gateway } = this;
    this.endBeat();
    this.certificates?.stop();
    this.tokenKeys?.stop();
    this.registryCheck.stop();
    this.cancelLook?.();
    this.cancelLook = undefined;
    void this.membership?.setState("leaving");
    gateway.beginDrain();
    for (const server of this.servers) server.stopAccepting();
    gateway.hints.stop();
    await dismissClients(gateway, spreadMs, drainMsMax);
    await Promise.all(this.servers.map((server) => server.close(gateway.leavingReason)));
    gateway.expiries.stop();
    await this.membership?.leave();
    for (const dependency of this.dependencies) {
      dependency.stop();
      dependency.close();
    }
    await this.linkServer?.close(closeLeaving);
  }

  private *clientConnections(): Generator<Member> {
    for (const server of this.servers) yield* server.connections;
  }

  /** Compares the stores that it goes by with those of the other gateways, and tells them. */
  private lookAtGateways(): void {
    void this.membership?.tellChanges();
    for (const service of gatewayServices) void this.lookAt(service);
  }

  private async lookAt(service: string): Promise<void> {
    try {
      const listed = await this.environment.naming.find(service);
      if (this.cancelLook !== undefined) this.gateway.stores.listed(service, listed);
    } catch {
      // The registry is away, which its client has logged: what is known stays.
      return;
    }
  }

  /** The owner of a link's incoming side. */
  private linkedWith(link: Link<Channel>): Downlink {
    const node = `${link.service} ${link.id}`;
    const downlink = new Downlink(this.gateway, link);
    if (link.service === "chat") this.gateway.revocations.linked(link);
    // What a chat node pushed while it was not linked is lost: the clients look for it in the index. One that is new to
    // this gateway has pushed, too, if it is ready: other gateways may have chosen it.
    const mayHavePushed = link.isReady || this.everLinked.has(node);
    if (link.service === "chat" && mayHavePushed) this.gateway.hints.add(this.gateway.channels.values());
    this.everLinked.add(node);
    return downlink;
  }

  /** Resolves when all listed nodes are linked, and one of each service serves, or when that takes too long. */
  private async linked(): Promise<void> {
    const { clock, timers } = this.environment;
    const endMs = clock.monotonicMs() + completeMsMax;
    const isReady = (): boolean =>
      this.dependencies.every(({ isComplete }) => isComplete) &&
      this.missingServices().length === 0 &&
      this.gateway.revocations.isCurrent;
    while (!isReady()) {
      if (clock.monotonicMs() > endMs) {
        const missing = this.missingServices().join(" ");
        this.environment.log.warn("not every node is linked; clients are let in all the same", { missing });
        return;
      }
      await sleep(timers, completeCheckMs);
    }
  }

  private listen(kind: "ws" | "tcp"): string | undefined {
    const address = this.parts[kind];
    if (address === undefined) return undefined;
    const listen = kind === "ws" ? listenWebSocket : listenTcp;
    const server = listen(address, this.acceptor, this.transport, this.parts.reusePort);
    this.servers.push(server);
    return server.address;
  }

  private offer(service: string, kind: "ws" | "tcp", bound: string | undefined): Offer | undefined {
    if (bound === undefined) return undefined;
    const scheme = this.parts.tls === undefined ? kind : secureScheme[kind];
    const url = this.parts.publicUrl(scheme, bound);
    const tags = [...this.parts.tags].map(([key, value]) => [`tag.${key}`, value] as const);
    return { service, addrs: [url], metadata: new Map([["protocol", kind], ["domain", url], ...tags]) };
  }
}

/** Why nodes cannot be reached, of the first few. */
function reasonsOf(gone: readonly { readonly id: string; readonly reason: string }[]): string {
  const shown = gone.slice(0, reasonsMax).map(({ id, reason }) => `${id}: ${reason}`);
  return [...shown, ...(gone.length > reasonsMax ? [`${gone.length - reasonsMax} more`] : [])].join("; ");
}
