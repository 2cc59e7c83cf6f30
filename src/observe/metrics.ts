// The numbers that a process counts: plain fields, because the hot path adds to them. exposition.ts shows them.

import { type Clock, systemClock } from "../base/clock.ts";
import type { LimitRole } from "../base/limits/limit.ts";
import type { Limits } from "../base/limits/limits.ts";
import { type Log, silentLog } from "../base/log.ts";
import { Command } from "../wire/commands.ts";
import { type BugKind, ContainedBugs } from "./contained-bugs.ts";
import { Latency } from "./latency.ts";

/** Peers choose the commands' names: beyond this many names, or for longer ones, one label holds the rest. */
const labelsMax = 64;
const labelCharactersMax = 64;
const rest = "other";

/** Counts by label. At most `labelsMax` labels are told apart. */
export class Tally {
  /** Only labels that were counted. */
  readonly counts = new Map<string, { count: number }>();
  /** These labels always have their own count. */
  private readonly expected: ReadonlySet<string>;
  private placesLeft: number;

  constructor(expected: readonly string[] = []) {
    this.expected = new Set([rest, ...expected]);
    this.placesLeft = labelsMax - expected.length;
  }

  add(label: string): void {
    const known = this.counts.get(label);
    if (known !== undefined) known.count++;
    else if (this.expected.has(label)) this.counts.set(label, { count: 1 });
    else if (this.placesLeft > 0 && label.length <= labelCharactersMax) {
      this.placesLeft--;
      this.counts.set(label, { count: 1 });
    } else this.add(rest);
  }
}

/** The size of a store; see the store's StoreSize. */
interface SizeNumbers {
  readonly bytes: number;
  readonly messages: number | undefined;
}

/** How far a standby of a store's primary is behind; see the store's StandbyLag. */
interface LagNumbers {
  readonly name: string;
  readonly bytes: number | undefined;
  readonly ms: number | undefined;
}

/** The state of a store's clock; see the store's StoreClock. */
interface ClockNumbers {
  readonly idsAheadMs: number;
  readonly purgeWaitMs: number;
}

/** The state of a certificate; see CertificateWatch. */
export interface CertificateNumbers {
  readonly expirySeconds: number;
  readonly reloads: number;
  readonly refusals: number;
}

/** The numbers of one service. Also the observer of its transports. */
/** See HookCounts in hooks/. */
export interface HookNumbers {
  readonly isDelivering: boolean;
  readonly delivered: number;
  readonly failedAttempts: number;
  readonly dead: number;
  readonly lost: number;
  readonly unanswered: number;
}

export class ServiceMetrics {
  readonly serviceId: string;
  readonly serviceName: string;
  /** Client connections that are open; its owner counts. */
  channels = 0;
  /** Read only; the methods below count. */
  inBytes = 0;
  outBytes = 0;
  unknownChannels = 0;
  limited = 0;
  /** Connections that the peer reset before they were accepted. */
  peersGone = 0;
  /** Times that it began to serve although not every gateway was linked. */
  forcedReady = 0;
  /** Reads the clock of the service's message store, if it has one. */
  storeClock: (() => ClockNumbers) | undefined;
  /** Reads the size of the service's message store, if it has one. */
  storeSize: (() => SizeNumbers | undefined) | undefined;
  /** Reads the lags of the standbys of the service's message store, if it is on several servers. */
  storeLags: (() => readonly LagNumbers[] | undefined) | undefined;
  /** Reads the numbers of the service's webhooks, if it has a message store. */
  hooks: (() => HookNumbers) | undefined;
  /** For a gateway: nodes that are not linked because their store differs. */
  storeMismatches: (() => number) | undefined;
  /** For login and chat nodes: gateways that the session store knows, and that are not linked to this node. */
  unlinkedGateways: (() => number) | undefined;
  /** Nodes of the registry that do not list this service, although others do. */
  registryGaps: (() => number) | undefined;
  /** Reads the state of the clients' certificate, if there is one. */
  certificates: (() => CertificateNumbers) | undefined;
  /** Reads the state of the node's certificate, if there is one. */
  nodeCertificate: (() => CertificateNumbers) | undefined;
  readonly commands = new Tally(Object.values(Command));
  readonly faults = new Tally();
  readonly refusals = new Tally();
  readonly endings = new Tally();
  readonly zonesWithoutServer = new Tally();
  private readonly bugs: ContainedBugs;

  constructor(serviceId: string, serviceName: string, bugs: ContainedBugs) {
    this.bugs = bugs;
    this.serviceId = serviceId;
    this.serviceName = serviceName;
  }

  bytesIn(bytes: number): void {
    this.inBytes += bytes;
  }
  bytesOut(bytes: number): void {
    this.outBytes += bytes;
  }
  countIn(command: string): void {
    this.commands.add(command);
  }
  protocolFault(kind: string): void {
    this.faults.add(kind);
  }
  peerGone(): void {
    this.peersGone++;
  }
  /** Records a bug; `kind` is the scope that contained it. */
  bug(bug: unknown, kind: BugKind = "connection", fields?: Readonly<Record<string, string>>): void {
    this.bugs.met(kind, bug, fields);
  }
  refused(status: number): void {
    this.refusals.add(String(status));
  }
  closed(code: number): void {
    this.endings.add(String(code));
  }
  noServerFound(zone: string): void {
    this.zonesWithoutServer.add(zone);
  }
  pushUnknownChannel(): void {
    this.unknownChannels++;
  }
  rateLimited(): void {
    this.limited++;
  }
  becameReadyByForce(): void {
    this.forcedReady++;
  }
}

/** The durations of talks in this process. */
export interface TalkLatency {
  /** Received → committed. */
  readonly commit: Latency;
  /** Received → pushed. */
  readonly push: Latency;
}

/** The limits of a process, and the role that decides which of them apply. */
export interface RoleLimits {
  readonly limits: Limits;
  readonly role: LimitRole;
}

/** The numbers of a process. */
export class Metrics {
  readonly talkLatency: TalkLatency = { commit: new Latency(), push: new Latency() };
  /** Shared by all services of the process. */
  readonly bugs: ContainedBugs;
  /** Answers of the API for back ends, by their codes. */
  readonly apiAnswers = new Tally();
  /** Lines of the log that could not be written. */
  readonly linesLost: () => number;
  /** Undefined shows no limits. */
  readonly limits: RoleLimits | undefined;
  private readonly known: ServiceMetrics[] = [];

  /** Writes contained bugs to `log`, each kind at most once a minute of `clock`. */
  constructor(log: Log = silentLog, limits?: RoleLimits, clock: Pick<Clock, "monotonicMs"> = systemClock) {
    this.limits = limits;
    this.bugs = new ContainedBugs(log, clock);
    this.linesLost = () => log.linesLost();
  }

  /** All services so far, in the order of `forService`. */
  get services(): readonly ServiceMetrics[] {
    return this.known;
  }

  /** Returns the numbers of one service: the same object for the same names. */
  forService(serviceId: string, serviceName: string): ServiceMetrics {
    const known = this.known.find((service) => service.serviceId === serviceId && service.serviceName === serviceName);
    if (known !== undefined) return known;
    const service = new ServiceMetrics(serviceId, serviceName, this.bugs);
    this.known.push(service);
    return service;
  }
}
