// What scenarios work with: servers of the kind that the user wants, a generator to load them, and somewhere to report.

import { readFileSync } from "node:fs";
import { type FilledFacts, FilledStore } from "./filled/filled-store.ts";
import { populationOf } from "./filled/population.ts";
import { generate } from "./generator/generate.ts";
import type { LoadSettings } from "./generator/load.ts";
import type { LoadName } from "./generator/loads.ts";
import { type BenchOptions, secondsDefault, warmUpMsDefault } from "./options.ts";
import { type Findings, type Result, resultOf } from "./result.ts";
import { clusterServer, onBenchCluster } from "./server/cluster.ts";
import { onEchoServer } from "./server/echo.ts";
import { measuredLimits } from "./server/limits.ts";
import { type StartedServer, startServer } from "./server/standalone.ts";
import { isSecure, plainTransports, type Server, targetOf, type Transport } from "./server/target.ts";

/** Descriptors of a process that are not connections of clients: listeners, the store, links, logs. */
const descriptorsReserved = 250;
const drainQuietMs = 5_000;
/** A ceiling is measured no longer than this. */
const bareSecondsMax = 3;
/** Messages for others in a filled store. */
const rowsDefault = 10_000_000;
const trialRows = 3_000;
const waitingDefault = 10_000;
const clusterSize = { discovery: 1, gateways: 1, logins: 1, chats: 1 } as const;

/** Starts a server, hands it over, ends it. */
export type OnServer = <T>(work: (server: Server) => Promise<T>) => Promise<T>;

export interface Plan {
  /** What the result is called. */
  readonly scenario: string;
  readonly load: LoadName;
  readonly transport: Transport;
  /** Clients that are connected at once. */
  readonly connections: number;
  readonly settings: Partial<LoadSettings>;
  /** Default: the server that the user wants. */
  readonly server?: OnServer;
}

/** Where results go, and what a person sees meanwhile. */
export interface Output {
  report(result: Result): void;
  /** A sentence that is no figure. */
  say(sentence: string): void;
  draw(name: string, phase: string, done: number): void;
}

export class Bench {
  readonly options: BenchOptions;
  private readonly output: Output;
  /** Messages that wait for one account. */
  readonly waiting: number;
  /** Messages for others in a filled store. */
  readonly rows: number;
  private readonly filled: FilledStore;
  private readonly bareResults = new Map<string, Result>();
  private runs = 0;

  constructor(options: BenchOptions, output: Output) {
    const { isTrial, messages = waitingDefault, rows = isTrial ? trialRows : rowsDefault } = options;
    this.options = options;
    this.output = output;
    this.waiting = messages;
    this.rows = rows;
    this.filled = new FilledStore({ people: populationOf(isTrial, messages), rows });
  }

  /** The ways in that a scenario compares; the first one where it compares none. With TLS only if the user says so. */
  get transports(): readonly Transport[] {
    const { external, transport } = this.options;
    if (external !== undefined) return [external.endpoint.transport];
    return transport === undefined ? plainTransports : [transport];
  }

  /** Clients that one process can have. */
  get connectionsMax(): number {
    return openFilesMax() - descriptorsReserved;
  }

  /** Starts a server on the store that all scenarios of a run share, which is filled for the first one. */
  onFilledServer<T>(name: string, work: (server: StartedServer, facts: FilledFacts) => Promise<T>): Promise<T> {
    return this.filled.onServer((done) => this.tell(name, "storing rows", done), work);
  }

  /** Seconds that a scenario of many runs measures each, unless the user gives another number. */
  secondsOr(few: number): number {
    return this.options.seconds ?? few;
  }

  say(sentence: string): void {
    this.output.say(sentence);
  }

  tell(name: string, phase: string, done: number): void {
    this.output.draw(name, phase, done);
  }

  /** Puts a load on a fresh server. Rejects with a sentence when there is no figure. */
  async measure(plan: Plan): Promise<Result[]> {
    const { scenario, load, transport, connections } = plan;
    if (connections > this.connectionsMax)
      throw new Error(
        `${connections} connections need ${connections + descriptorsReserved} open files in one process, ` +
          `which may have ${openFilesMax()}: raise it with ulimit -n, or ask for fewer --connections`,
      );
    const onServer = plan.server ?? ((work) => this.onServer(transport, work));
    return onServer(async (server) => {
      const { topology, store } = server;
      const settings = this.settings(plan.settings);
      const job = { load, target: targetOf(server, transport), settings };
      const work = generate(job, (phase, done) => this.tell(`${scenario} ${transport}`, phase, done));
      const findings = await (server.died === undefined ? work : Promise.race([work, server.died]));
      return findings.map((found) => resultOf(scenario, { transport, topology, store, ...found }));
    });
  }

  /** A load that starts its own servers. */
  async measureAlone(scenario: string, load: LoadName, settings: Partial<LoadSettings>): Promise<void> {
    const findings = await this.findAlone(scenario, load, settings);
    this.report(findings.map((found) => namedResult(scenario, found)));
  }

  /** The same without a report; `name` is shown to the person who waits. */
  findAlone(name: string, load: LoadName, settings: Partial<LoadSettings>): Promise<readonly Findings[]> {
    const job = { load, settings: this.settings(settings) };
    return generate(job, (phase, done) => this.tell(name, phase, done));
  }

  /** What the bare echo server answers a second; measured once for each question. */
  async bare(question: { transport: Transport; connections: number; window: number }): Promise<number> {
    return Number((await this.bareResult(question))["per_second"]);
  }

  async bareResult(question: { transport: Transport; connections: number; window: number }): Promise<Result> {
    const { transport, connections, window } = question;
    const key = `${transport} ${connections} ${window}`;
    const known = this.bareResults.get(key);
    if (known !== undefined) return known;
    const seconds = Math.min(this.secondsOr(bareSecondsMax), bareSecondsMax);
    const plan = { scenario: "echo", load: "echo", transport, connections, server: onEchoServer } as const;
    const [result] = await this.measure({ ...plan, settings: { connections, window, seconds } });
    if (result === undefined) throw new Error("the echo server gave no result");
    this.bareResults.set(key, result);
    return result;
  }

  /** Results, the first of them also as a share of what the bare server does. */
  report(results: readonly Result[], bare?: number): void {
    for (const [index, result] of results.entries()) {
      const share = index > 0 || bare === undefined ? null : Number(result["per_second"]) / bare;
      this.output.report(share === null ? result : { ...result, share_of_bare: Math.round(share * 10_000) / 10_000 });
    }
  }

  private async onServer<T>(transport: Transport, work: (server: Server) => Promise<T>): Promise<T> {
    const { external, topology, store } = this.options;
    if (external !== undefined) {
      const { endpoint, secret, app } = external;
      const endpoints = { [endpoint.transport]: endpoint };
      return work({ endpoints, secret, app, processes: [], topology: "external", store: "unknown", died: undefined });
    }
    if (topology === "processes")
      return onBenchCluster({ size: clusterSize, store }, (cluster) => work(clusterServer(cluster)));
    const server = await startServer({ limits: measuredLimits, isSecure: isSecure(transport) });
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  }

  private settings(chosen: Partial<LoadSettings>): LoadSettings {
    const { seconds = secondsDefault, warmUpMs = warmUpMsDefault, store, isTrial } = this.options;
    return {
      isTrial,
      seconds,
      warmUpMs,
      drainQuietMs,
      connections: 0,
      senders: 0,
      window: 0,
      rate: 0,
      members: 0,
      messages: 0,
      rows: 0,
      kills: 0,
      attack: "",
      part: "",
      store: store ?? null,
      run: `${Date.now().toString(36)}${(this.runs++).toString(36)}`,
      ...chosen,
    };
  }
}

/** Some loads make results of several names. */
function namedResult(scenario: string, found: Findings): Result {
  const { scenario: own, ...rest } = found;
  return resultOf(typeof own === "string" ? own : scenario, { ...rest, valid: found.valid });
}

/** How many files this process, and those that it starts, may have open. */
export function openFilesMax(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return line === undefined || line === "unlimited" ? Infinity : Number(line);
}
