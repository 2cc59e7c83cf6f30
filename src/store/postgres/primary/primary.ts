// The primary among several servers: found by asking all of them side by side, kept until it stops serving as one, then
// looked for again. All connections of a store share it and leave it together.
//
// What a server shows that has just been found is believed only after a small commit on it was held by a quorum: after
// a crash a server shows commits that had been waiting for standbys, and which no standby has. Reads do not wait for
// them, a commit does.

import type { SQL } from "bun";
import type { Log } from "../../../base/log.ts";
import { reasonOf } from "../../../base/reason-of.ts";
import { StoreUnavailable } from "../../store.ts";
import { DatabaseAway, QuorumFault } from "../failures.ts";
import { choosePrimary, type KnownCluster } from "./choose.ts";
import { askHosts } from "./ask-hosts.ts";
import { askHost, type HostAnswer, type Waiting, within } from "./host-answer.ts";
import { hostUrls } from "../../host-list.ts";
import { confirmHeld, excludesOthers, quorumFault, standbysNeeded } from "./quorum.ts";

/** With the time for asking the hosts: how long a query may wait before it is sent. */
const commitMsMax = 1_200;
const backOffMsMin = 100;
const backOffMsMax = 1_000;

/** A server that was found to be the primary; found again, it is another object. */
export interface Place {
  readonly url: string;
  /** `host:port` as in the URL. */
  readonly host: string;
}

interface PrimaryOptions {
  /** Of all hosts (store/host-list.ts). */
  readonly url: string;
  /** Standbys need not have what is acknowledged: a failover loses it. */
  readonly isAsync: boolean;
  readonly log: Log;
  /** Asks one host; default: the host itself. */
  readonly ask?: typeof askHost;
}

export class Primary {
  readonly isAsync: boolean;
  private readonly urls: readonly string[];
  private readonly ask: typeof askHost;
  readonly log: Log;
  private found: Place | undefined;
  private known: KnownCluster | undefined;
  /** By host, the name under which it was last seen to follow another one. */
  private readonly standbyNames = new Map<string, string>();
  private finding: Promise<Place> | undefined;
  private readonly leavers = new Set<() => void>();
  private backOffMs = 0;
  /** Until then, by performance.now(), the last failure is the answer. */
  private waitUntilMs = -Infinity;
  private lastFailure: unknown;
  private lastWarning = "";

  constructor({ url, isAsync, log, ask = askHost }: PrimaryOptions) {
    this.isAsync = isAsync;
    this.ask = ask;
    this.urls = hostUrls(url);
    this.log = log;
  }

  /** Undefined until it is found, and after it was left. */
  get place(): Place | undefined {
    return this.found;
  }

  /** Calls `leave` whenever the primary is left, before another one is looked for. */
  watch(leave: () => void): void {
    this.leavers.add(leave);
  }

  /** Resolves with the primary; rejects with StoreUnavailable, at once while it backs off. */
  find(): Promise<Place> {
    if (this.found !== undefined) return Promise.resolve(this.found);
    if (this.finding !== undefined) return this.finding;
    if (performance.now() < this.waitUntilMs) return Promise.reject(this.lastFailure);
    this.finding = this.look().finally(() => {
      this.finding = undefined;
    });
    return this.finding;
  }

  /** Leaves a place that stopped serving as the primary; without effect if it was left before. */
  leave(place: Place | undefined, reason: string): void {
    if (place === undefined || place !== this.found) return;
    this.found = undefined;
    this.log.warn("Leaving the message store's primary; looking for it among the hosts.", { host: place.host, reason });
    for (const leave of this.leavers) leave();
  }

  /** Resolves once a quorum has what was committed on a connection. Rejects with DatabaseAway. */
  async confirm(sql: SQL): Promise<void> {
    if (!this.isAsync) await confirmHeld(sql);
  }

  private async look(): Promise<Place> {
    const begunMs = performance.now();
    try {
      const place = await this.lookOnce();
      this.backOffMs = 0;
      this.found = place;
      this.log.info("The message store's primary was found.", { host: place.host, timeline: this.known?.timeline });
      return place;
    } catch (error) {
      this.backOffMs = Math.min(Math.max(2 * this.backOffMs, backOffMsMin), backOffMsMax);
      this.waitUntilMs = begunMs + this.backOffMs;
      this.lastFailure = error;
      throw error;
    }
  }

  private async lookOnce(): Promise<Place> {
    const asked = await askHosts(this.urls, (answers) => this.isEnough(answers), this.ask);
    try {
      const answers = asked.map(({ answer }) => answer);
      this.rememberNames(answers);
      const { host, told, warning } = choosePrimary(answers, this.known);
      const fault = quorumFault(told.waiting);
      if (fault !== undefined && !this.isAsync) throw new QuorumFault(`${host}: ${fault}, or use --store-async`);
      this.warn([warning, fault && `${host}: ${fault}`].filter((each) => each !== undefined).join("; "));
      const one = asked.find(({ answer }) => answer.host === host);
      if (one?.client === undefined) throw new DatabaseAway(`${host}: the connection is lost`);
      await this.commitOn(one.client, host, told.waiting);
      this.known = { system: told.system, timeline: Math.max(told.timeline, this.known?.timeline ?? 0) };
      return { url: one.url, host };
    } finally {
      for (const { client } of asked) void client?.close({ timeout: 0 });
    }
  }

  /**
   * Reports whether one of the servers is the primary if only a commit on it is held, whatever the one host that is
   * silent would say. The first search, which shows what is wrong with the list, waits for all.
   */
  private isEnough(answers: readonly HostAnswer[]): boolean {
    const { known, urls, isAsync, lastFailure } = this;
    const isFirst = known === undefined && lastFailure === undefined;
    if (isAsync || isFirst || answers.length !== urls.length - 1) return false;
    this.rememberNames(answers);
    return answers.some(({ host, told }) => {
      if (told instanceof StoreUnavailable || told.isReadOnly) return false;
      const { names, standbys } = told.waiting;
      return standbys >= standbysNeeded(names) && excludesOthers(names, urls.length, this.ownName(host));
    });
  }

  /** The name of a primary in the setting that it shares with its standbys; undefined: unknown, or another's, too. */
  private ownName(host: string): string | undefined {
    const own = this.standbyNames.get(host);
    return [...this.standbyNames.values()].filter((name) => name === own).length === 1 ? own : undefined;
  }

  /** A primary does not show it any more. */
  private rememberNames(answers: readonly HostAnswer[]): void {
    for (const { host, told } of answers)
      if (!(told instanceof StoreUnavailable) && told.standbyName !== undefined)
        this.standbyNames.set(host, told.standbyName);
  }

  private async commitOn(client: SQL, host: string, { names, standbys, isStuck }: Waiting): Promise<void> {
    const committed = async (): Promise<void> => {
      await client`SELECT pg_logical_emit_message(true, 'roost', '')`;
      await this.confirm(client);
    };
    const waiting = names === "" ? "" : ` (it waits for standbys: ${names})`;
    const what = `${host} takes writes, but commits nothing${waiting}`;
    // A commit that waits keeps its connection at the server, whatever becomes of this end.
    if (!this.isAsync && (isStuck || standbys < standbysNeeded(names))) throw new DatabaseAway(what);
    await within(commitMsMax, what, committed()).catch((error: unknown) => {
      if (error instanceof StoreUnavailable) throw error;
      throw new DatabaseAway(`${what}: ${reasonOf(error)}`, { cause: error });
    });
  }

  /** Logs a warning unless it is the last one; empty: there is none. */
  private warn(warning: string): void {
    if (warning !== "" && warning !== this.lastWarning)
      this.log.warn("The hosts of the message store need attention.", { warning });
    this.lastWarning = warning;
  }
}
