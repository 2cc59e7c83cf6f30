// What the tests of links share: a service that takes links over TCP, and either side of a handshake played by hand.

import { testLimits } from "../support/limits.ts";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import { type LinkIdentity, linkProof, type Meeting, type ProofSide } from "../../src/auth/link-proof.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import { linkFrameBytesMax } from "../../src/base/limits/fixed.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { newIncarnation, systemRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import type { Context } from "../../src/service/context.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { Dependency } from "../../src/routing/dependency.ts";
import type { LinkHost } from "../../src/link/accepting-handshake.ts";
import { DiallingHandshake, type Met } from "../../src/link/dialling-handshake.ts";
import { gatewayService, LinkListener } from "../../src/link/link-listener.ts";
import { type Dial, TcpLinkNetwork } from "../../src/link/link-network.ts";
import { type Link, Links } from "../../src/routing/links.ts";
import { type NodeStores, unknownStores } from "../../src/link/node-stores.ts";
import { Router } from "../../src/service/router.ts";
import { Service } from "../../src/service/service.ts";
import { Metrics, type ServiceMetrics } from "../../src/observe/metrics.ts";
import type { Naming, Registered, Registration } from "../../src/registry/client/naming.ts";
import { type Instance, Status } from "../../src/registry/instance.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { Gateway } from "../../src/roles/gateway/gateway.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import type { Acceptor, Connection, FrameHandler, Server } from "../../src/transport/transport.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { decodeBody } from "../../src/wire/body.ts";
import {
  type InnerHandshakeReq,
  InnerHandshakeReqSchema,
  type InnerHandshakeResponse,
  InnerHandshakeResponseSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, basicPong } from "../../src/wire/packet.ts";
import { until } from "../../scripts/harness/until.ts";
import { Recording } from "../transport/recording.ts";
import type { Timers } from "../../src/base/timers.ts";
import { WatchedTimers } from "./timers.ts";
import { systemRuntime, type Time } from "../../src/base/runtime.ts";
import { systemClock } from "../../src/base/clock.ts";

/** The key of all that belong together here. */
export const clusterKey: Uint8Array = new TextEncoder().encode("the key of a cluster of tests");
export const wrongKey: Uint8Array = new TextEncoder().encode("the key of some other cluster");

/** A process that has just started. */
export function newIdentity(id: string, service: string = gatewayService): LinkIdentity {
  return { id, service, incarnation: newIncarnation(systemRandom) };
}

/** Of all handshakes of processes that are made here. */
export const handshakeTimers = new WatchedTimers();

const steps: (() => void | Promise<void>)[] = [];

/** A process that takes links, by default a chat node that refuses nobody: what a handshake asks of it. */
export function linkHost(linked: () => FrameHandler, refused: (kind: string) => void = () => undefined): LinkHost {
  return {
    identity: newIdentity("node", "chat"),
    clusterKeys: [clusterKey],
    ...systemRuntime,
    address: "127.0.0.1:1",
    state: () => ({ load: 0, isAdult: true, stores: unknownStores }),
    holder: () => Promise.resolve(undefined),
    linked,
    declined: () => undefined,
    refused,
  };
}

/** Ends everything that was opened here; to be called after each test. */
export async function closeAll(): Promise<void> {
  for (const step of steps.splice(0).toReversed()) await step();
}

/** Has it undone by `closeAll`. */
export function afterwards(step: () => void | Promise<void>): void {
  steps.push(step);
}

/** One process's way to others, over TCP. Its wheel stands still until a test advances it. */
export class LinkEnd {
  readonly identity: LinkIdentity;
  /** Of no environment: nothing here keeps stores. */
  readonly keys: ClusterKeys;
  readonly clock = systemClock;
  readonly timers = handshakeTimers;
  readonly random = systemRandom;
  readonly metrics: ServiceMetrics;
  readonly wheel = new TimerWheel();
  readonly limits: Limits;
  readonly network: TcpLinkNetwork;
  readonly dial: Dial;
  private readonly numbers = new Metrics();

  constructor(identity: LinkIdentity, keys: readonly Uint8Array[] = [clusterKey], limits = testLimits()) {
    this.identity = identity;
    this.limits = limits;
    this.keys = new ClusterKeys(keys);
    this.metrics = this.numbers.forService(identity.id, identity.service);
    const transport = { writeWaitMs: 10_000, wheel: this.wheel, flusher: new Flusher(), limits: this.limits };
    this.network = new TcpLinkNetwork(transport, { host: "127.0.0.1", port: 0 }, (bound) => bound);
    this.dial = this.network.dial(this.metrics);
  }

  /** What a handshake needs to know of its side. */
  get side(): Pick<LinkEnd, "identity" | "keys" | "clock" | "timers" | "random" | "metrics" | "dial"> {
    const { identity, keys, clock, timers, random, metrics, dial } = this;
    return { identity, keys, clock, timers, random, metrics, dial };
  }

  /** Takes connections; returns the address. */
  listen(acceptor: Acceptor): { readonly address: string; readonly server: Server } {
    const { server, advertised } =
      acceptor instanceof LinkListener
        ? acceptor.listen(this.network, this.metrics)
        : this.network.listen(acceptor, this.metrics);
    afterwards(() => this.end(server));
    return { address: advertised, server };
  }

  /** Closes as a killed process does; who does not read the close frame is not waited for. */
  async end(server: Server): Promise<void> {
    const closed = server.close(closeAbnormal);
    for (let isOver = false; !isOver;) {
      this.wheel.advance(20_000);
      isOver = await Promise.race([closed.then(() => true), Bun.sleep(1).then(() => false)]);
    }
  }

  /** Bugs that ended one connection. */
  get bugs(): number {
    return this.numbers.bugs.count("connection");
  }

  /** How often peers broke the protocol in that way. */
  faults(kind: string): number {
    return this.metrics.faults.counts.get(kind)?.count ?? 0;
  }
}

/** A logic service that takes links and keeps what it is asked, unanswered. */
export class TestNode extends LinkEnd {
  readonly asked: Context[] = [];
  /** `linked ID`, `lost ID`, in the order of the service's events. */
  readonly told: string[] = [];
  readonly service: Service;
  readonly serviceTimers = new WatchedTimers();
  address = "";
  /** What it says of its stores. */
  stores: NodeStores = unknownStores;
  /** `GATEWAY: sentence` of those that do not want it. */
  readonly declined: string[] = [];
  private server: Server | undefined;

  constructor(identity: LinkIdentity, keys?: readonly Uint8Array[], limits?: Limits) {
    super(identity, keys, limits);
    const keep = (): ((context: Context) => void) => (context) => void this.asked.push(context);
    this.service = new Service({
      clock: systemClock,
      timers: this.serviceTimers,
      router: new Router([keep]),
      dispatcher: new Dispatcher(),
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
      isAdult = true,
      key = clusterKey,
      timers = handshakeTimers,
    }: {
      readonly service?: string;
      readonly isAdult?: boolean;
      readonly key?: Uint8Array;
      /** Those of the handshakes that it accepts. */
      readonly timers?: Timers;
    } = {},
    keys = [key],
    limits?: Limits,
  ): TestNode {
    const node = new TestNode(newIdentity(id, service), keys, limits);
    node.service.setAdult(isAdult);
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

/** The dialling side of a handshake, played by hand: it says what a test wants, when a test wants it. */
export class HandDialler {
  readonly key: Uint8Array;
  readonly identity: LinkIdentity;
  readonly recording: Recording;
  readonly nonce: Uint8Array;

  private constructor(identity: LinkIdentity, key: Uint8Array, recording: Recording, nonce: Uint8Array) {
    this.identity = identity;
    this.key = key;
    this.recording = recording;
    this.nonce = nonce;
  }

  /** Connects, and says nothing. */
  static async connect(
    address: string,
    { identity = newIdentity("gate"), key = clusterKey, nonce = systemRandom.bytes(32) } = {},
  ): Promise<HandDialler> {
    const end = new LinkEnd(identity, [key]);
    const opened: Recording[] = [];
    await end.dial(address, (connection) => {
      const recording = new Recording(connection);
      opened.push(recording);
      return recording;
    });
    const [recording] = opened;
    if (recording === undefined) throw new Error("dialled without a handler");
    afterwards(() => recording.connection.close(closeAbnormal));
    return new HandDialler(identity, key, recording, nonce);
  }

  get connection(): Connection {
    return this.recording.connection;
  }

  hello(overrides: MessageInitShape<typeof InnerHandshakeReqSchema> = {}): void {
    const { id, service, incarnation } = this.identity;
    this.request({ ServiceId: id, serviceName: service, incarnation, nonce: this.nonce, ...overrides });
  }

  request(init: MessageInitShape<typeof InnerHandshakeReqSchema>): void {
    this.connection.send(toBinary(InnerHandshakeReqSchema, create(InnerHandshakeReqSchema, init)));
  }

  /** What the acceptor has answered. */
  async answer(): Promise<InnerHandshakeResponse> {
    await this.recording.framesReach(1);
    const answer = decodeBody(InnerHandshakeResponseSchema, this.recording.frames[0] ?? Buffer.alloc(0));
    if (answer === undefined) throw new Error("an answer to the handshake was expected");
    return answer;
  }

  /** The meeting as both have described it. */
  meeting({ serviceId, incarnation, nonce }: InnerHandshakeResponse): Meeting {
    const acceptor = { id: serviceId, incarnation };
    return { dialler: this.identity, acceptor, diallerNonce: this.nonce, acceptorNonce: nonce };
  }

  /** Says hello, checks nothing, and proves itself. */
  async shake(): Promise<InnerHandshakeResponse> {
    this.hello();
    const answer = await this.answer();
    this.request({ proof: linkProof(this.key, "dial", this.meeting(answer)) });
    // As a link that stands.
    this.connection.identified();
    this.connection.frameBytesMax = linkFrameBytesMax;
    return answer;
  }

  /** A link that stands, and answers pings unless it plays dead. */
  static async linked(
    address: string,
    { identity = newIdentity("gate"), key = clusterKey, answersPings = true } = {},
  ): Promise<HandDialler> {
    const dialler = await HandDialler.connect(address, { identity, key });
    await dialler.shake();
    await dialler.works();
    if (answersPings) {
      dialler.recording.onFrame = (payload) => {
        if (basicPing.every((byte, at) => payload[at] === byte)) dialler.connection.send(basicPong);
      };
    }
    return dialler;
  }

  /** Resolves when the service has answered a ping over this link: everything before was read and passed. */
  async works(): Promise<void> {
    const { recording } = this;
    const pongs = (): number => recording.frames.filter((frame) => frame.equals(Buffer.from(basicPong))).length;
    const before = pongs();
    this.connection.send(basicPing);
    await recording.until(() => pongs() > before || recording.reasons.length > 0);
    if (pongs() === before) throw new Error(`the link ended: ${recording.reasons[0]?.text}`);
  }
}

/** What a hand-played acceptor answers to a hello. */
export type Script = (recording: Recording, hello: InnerHandshakeReq) => void;

/** The accepting side of handshakes, played by hand; returns its address and every connection that came. */
export function handAcceptor(script: Script, identity: LinkIdentity = newIdentity("node", "chat")) {
  const end = new LinkEnd(identity);
  const accepted: Recording[] = [];
  const { address } = end.listen({
    accept(connection) {
      const recording = new Recording(connection);
      accepted.push(recording);
      recording.onFrame = (payload) => {
        const request = recording.frames.length === 1 ? decodeBody(InnerHandshakeReqSchema, payload) : undefined;
        if (request !== undefined) script(recording, request);
      };
      return recording;
    },
  });
  return { address, accepted, identity, end };
}

/** Answers a hello as an acceptor with that identity and key does. */
export function answerHello(
  recording: Recording,
  hello: InnerHandshakeReq,
  {
    identity,
    key = clusterKey,
    side,
  }: { readonly identity: LinkIdentity; readonly key?: Uint8Array; readonly side?: ProofSide },
  overrides: MessageInitShape<typeof InnerHandshakeResponseSchema> = {},
): void {
  const { ServiceId: id, serviceName: service, incarnation } = hello;
  const nonce = systemRandom.bytes(32);
  const dialler = { id, service, incarnation };
  const proof = linkProof(key, side ?? (overrides.Code === undefined ? "accept" : "refuse"), {
    dialler,
    acceptor: identity,
    diallerNonce: hello.nonce,
    acceptorNonce: nonce,
  });
  const init = { serviceId: identity.id, incarnation: identity.incarnation, nonce, proof, ...overrides };
  const response = create(InnerHandshakeResponseSchema, init);
  recording.connection.send(toBinary(InnerHandshakeResponseSchema, response));
}

/** A listed instance of a service of ours. */
export function instanceOf(
  { id, service, incarnation }: LinkIdentity,
  link: string,
  metadata: Readonly<Record<string, string>> = {},
): Instance {
  return {
    env: "test",
    appid: service,
    zone: "z1",
    hostname: id,
    region: "",
    addrs: [`tcp://${link}`],
    version: "test",
    metadata: new Map(Object.entries({ id, incarnation, link, state: "adult", ...metadata })),
    status: Status.Up,
    regTimestamp: 0n,
    upTimestamp: 0n,
    dirtyTimestamp: 0n,
    latestTimestamp: 0n,
  };
}

/** A registry that lists what a test says. While it is away every question is refused. */
export class HandNaming implements Naming {
  isAway = false;
  /** How often it was asked. */
  finds = 0;
  readonly registrations: Registration[] = [];
  private readonly listed = new Map<string, readonly Instance[]>();
  private readonly watchers = new Map<string, (instances: readonly Instance[]) => void>();

  /** From now on it lists these instances of a service, and tells who watches. */
  list(service: string, ...instances: Instance[]): void {
    this.listed.set(service, instances);
    this.watchers.get(service)?.(instances);
  }

  find(service: string): Promise<readonly Instance[]> {
    this.finds++;
    if (this.isAway) return Promise.reject(new Error("no registry node answers"));
    return Promise.resolve(this.listed.get(service) ?? []);
  }

  findNow(service: string): Promise<readonly Instance[]> {
    return this.find(service);
  }

  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void {
    this.watchers.set(service, onChange);
    const atFirst = this.listed.get(service);
    queueMicrotask(() => {
      // What was listed since has been told already.
      const isNews = atFirst !== undefined && this.listed.get(service) === atFirst;
      if (isNews && this.watchers.get(service) === onChange) onChange(atFirst);
    });
  }

  unsubscribe(service: string): void {
    this.watchers.delete(service);
  }

  register(registration: Registration): Promise<Registered> {
    this.registrations.push(registration);
    return Promise.resolve({ update: () => Promise.resolve(), deregister: () => Promise.resolve() });
  }

  close(): Promise<void> {
    this.watchers.clear();
    return Promise.resolve();
  }
}

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
      loginWaitMs: 10_000,
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

/** Dials as a process of this release does. */
export async function dialAs(
  address: string,
  {
    id = "gate",
    keys = [clusterKey],
    listed = address,
    isProven = false,
  }: {
    readonly id?: string;
    readonly keys?: readonly Uint8Array[];
    /** Where the registry has the node. */
    readonly listed?: string;
    readonly isProven?: boolean;
  } = {},
): Promise<Met> {
  const end = new LinkEnd(newIdentity(id), keys);
  const handshakes: DiallingHandshake[] = [];
  const connection = await end.dial(address, (opened) => {
    const parts = { ...end.side, clusterKeys: keys, expectedId: "node", address: listed, isProven };
    const handshake = new DiallingHandshake(opened, parts, () => new Recording(opened));
    handshakes.push(handshake);
    return handshake;
  });
  afterwards(() => connection.close(closeAbnormal));
  const [handshake] = handshakes;
  if (handshake === undefined) throw new Error("dialled without a handler");
  return handshake.met;
}

/** `linked`, or why not. */
export const outcome = (met: Promise<unknown>): Promise<string> =>
  met.then(
    () => "linked",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
