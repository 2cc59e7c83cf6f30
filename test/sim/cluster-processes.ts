// The processes of a simulated cluster: gateways, login and chat nodes as their start files assemble them, on simulated
// machines.

import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import type { Log } from "../../src/base/log.ts";
import { newIncarnation, seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { gatewayService } from "../../src/link/link-listener.ts";
import { TcpLinkNetwork } from "../../src/link/link-network.ts";
import type { NodeEnvironment } from "../../src/node/environment.ts";
import { LogicNode } from "../../src/node/logic-node.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { createLoginService } from "../../src/roles/login/commands.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import { testLimits } from "../support/limits.ts";
import type { Database } from "./database.ts";
import type { Call, DatabaseClient } from "./database-client.ts";
import type { Machine, Machines } from "./machines.ts";
import type { Network } from "./network.ts";
import { type SessionStore, SessionStoreClient } from "./session-store.ts";
import { type Registry, SimulatedNaming } from "./simulated-naming.ts";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";

const linkPort = 7_000;
/** No port of this machine's real listeners. */
const clientPort = 100_000;
const tickMs = 1_000;
const writeWaitMs = 10_000;
const censusMs = 10_000;
const tokenSeconds = 4_000_000_000;
const drainMs = 2_000;
const nodeNumbers = 1_024;
const key = new Uint8Array(32).fill(7);

/** A token is the name of its account: real ones are verified on threads of the platform. */
class PlainVerifier extends TokenVerifier {
  constructor() {
    super([key]);
  }

  override verify(token: string): ReturnType<TokenVerifier["verify"]> {
    return Promise.resolve({ ok: true, app: "app", account: token, expiresAt: tokenSeconds, issuedAt: 0, key });
  }
}

/** What the processes of a cluster share. */
export interface ClusterParts {
  readonly machines: Machines;
  readonly network: Network;
  readonly registry: Registry;
  readonly database: Database;
  readonly databaseMachine: Machine;
  /** The store of a chat process. */
  readonly storeOf: (call: Call, database: Database, node: number) => DatabaseClient;
  readonly sessionStore: SessionStore;
  readonly sessionMachine: Machine;
  readonly log: (machine: Machine) => Log;
  /** A process that runs has to end: its id is taken. */
  readonly exits: (machine: Machine) => void;
}

/** Leaves in good order. */
export type Drain = () => Promise<void>;

/** Where clients reach a gateway. */
export function clientAddress({ address }: Machine): string {
  return `${address}:${clientPort}`;
}

export class ClusterProcesses {
  private readonly parts: ClusterParts;
  private readonly keys = new ClusterKeys([key], "sim");
  private stores = 0;

  constructor(parts: ClusterParts) {
    this.parts = parts;
  }

  gateway(): Drain {
    const around = this.around(gatewayService);
    const { id } = around.environment.identity;
    const { address } = this.parts.machines.running.machine;
    const gateway = new GatewayRole(around.environment, {
      verifier: new PlainVerifier(),
      wheel: around.wheel,
      flusher: around.flusher,
      metrics: around.metrics.forService(id, gatewayService),
      ...defaultSettings("gateway"),
      readWaitMs: 60_000,
      writeWaitMs,
      censusMs,
      selection: { name: "hash" },
      ws: undefined,
      tcp: { host: address, port: clientPort },
      publicUrl: (kind, bound) => `${kind}://${bound}`,
    });
    this.started(gateway.start());
    return () => gateway.drain(drainMs, 500);
  }

  login(): Drain {
    const { environment, metrics } = this.around("login");
    const sessions = this.sessions();
    const ofService = metrics.forService(environment.identity.id, "login");
    const { service, stop } = createLoginService({ ...environment, sessions, metrics: ofService });
    const node = new LogicNode(environment, service, ofService);
    this.started(node.start());
    return async () => {
      await node.drain(drainMs);
      stop();
    };
  }

  chat(): Drain {
    const { environment, metrics } = this.around("chat");
    const { network, databaseMachine, database, storeOf } = this.parts;
    const sessions = this.sessions();
    const call: Call = (handle) => network.call(databaseMachine, handle);
    const store = storeOf(call, database, ++this.stores % nodeNumbers);
    const ofService = metrics.forService(environment.identity.id, "chat");
    const latency = metrics.talkLatency;
    const service = createChatService({
      ...defaultSettings("chat"),
      ...environment,
      store,
      sessions,
      metrics: ofService,
      latency,
    });
    const node = new LogicNode(environment, service, ofService);
    this.started(node.start());
    return () => node.drain(drainMs);
  }

  private sessions(): SessionStoreClient {
    const { network, sessionMachine, sessionStore } = this.parts;
    return new SessionStoreClient(network, sessionMachine, sessionStore);
  }

  /** A process whose id is taken, or whose port is, ends. */
  private started(starting: Promise<unknown>): void {
    const { machines, exits } = this.parts;
    const { machine } = machines.running;
    starting.catch(() => exits(machine));
  }

  private around(service: string): {
    readonly environment: NodeEnvironment;
    readonly wheel: TimerWheel;
    readonly flusher: Flusher;
    readonly metrics: Metrics;
  } {
    const { machines, network, registry, exits } = this.parts;
    const { machine } = machines.running;
    const log = this.parts.log(machine);
    const random = seededRandom(machines.random.u32());
    const { clock, timers } = machines.time(machines.running);
    const wheel = new TimerWheel(tickMs);
    wheel.start({ clock, timers });
    const flusher = new Flusher(clock, timers.soon);
    const limits = testLimits();
    const transport = { writeWaitMs, wheel, flusher, limits };
    const address = { host: machine.address, port: linkPort };
    const environment: NodeEnvironment = {
      identity: { id: machine.name, service, incarnation: newIncarnation(random) },
      naming: new SimulatedNaming(network, registry),
      network: new TcpLinkNetwork({ transport, address, advertise: (bound) => bound, rareLog: log }),
      keys: this.keys,
      clock,
      timers,
      random,
      limits,
      log,
      control: new ControlCommands({}, () => undefined),
      zone: "z1",
      version: "sim",
      lost: () => exits(machine),
    };
    return { environment, wheel, flusher, metrics: new Metrics(log) };
  }
}
