// A PostgreSQL whose primary may die: three servers under Patroni, with an etcd each, on free loopback ports. It needs
// what programs.ts finds. All of it ends with the process that started it, however that ends.

import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { freePorts } from "../free-ports.ts";
import { asUser, dataFolder, serverUser } from "../postgres-programs.ts";
import { until } from "../until.ts";
import { doAfterwards } from "../with-parent.ts";
import { type MemberPorts, ownerRole, scope, type Standbys } from "./config.ts";
import { PatroniMember } from "./member.ts";
import { patroniPrograms, type PatroniPrograms } from "./programs.ts";

const names = ["postgres-1", "postgres-2", "postgres-3"] as const;
const portsOfMember = 4;
/** For a first start: initdb, and two base backups, on a busy machine. */
const startMsMax = 120_000;
/** For a failover, a rewind and a new base backup, on a busy machine. */
const healMsMax = 180_000;
/** Patroni answers from its memory, unless it is frozen. */
const askMsMax = 1_000;

/**
 * After this process end the servers, which are not its children, and the folder goes. A server is known by the folder
 * that it works in: its number may be another process's meanwhile.
 */
const afterwards = `
  sleep 1
  for data in "$1"/*/data; do
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) && [ "$(readlink "/proc/$pid/cwd")" = "$data" ] &&
      kill -CONT "$pid" && kill -QUIT "$pid"
  done
  sleep 1
  rm -rf -- "$1"`;

export interface PatroniOptions {
  /** How many standbys hold a commit before it is answered; default 1. */
  readonly standbys?: Standbys;
  /** Commits wait for the disk, too; default: no, and data are in memory. */
  readonly isDurable?: boolean;
  /** A folder for the logs; default: one that is removed at the end. */
  readonly logs?: string;
}

/** As Patroni says it of a member. */
interface MemberState {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

export class PatroniCluster {
  readonly members: readonly PatroniMember[];
  private readonly folder: string;
  private readonly programs: PatroniPrograms;
  private readonly standbys: Standbys;
  private databases = 0;

  private constructor(
    folder: string,
    programs: PatroniPrograms,
    ports: readonly number[],
    { standbys = 1, isDurable = false, logs = folder }: PatroniOptions,
  ) {
    this.folder = folder;
    this.programs = programs;
    this.standbys = standbys;
    const allPorts = new Map<string, MemberPorts>(
      names.map((name, index) => {
        const [postgres = 0, rest = 0, etcd = 0, etcdPeers = 0] = ports.slice(portsOfMember * index);
        return [name, { postgres, rest, etcd, etcdPeers }];
      }),
    );
    const user = serverUser();
    // PostgreSQL's user goes through it to the folders of the members, which are its own.
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
    this.members = [...allPorts].map(
      ([name, own]) =>
        new PatroniMember({ name, folder, logs, programs, user, standbys, isDurable, ports: own, allPorts }),
    );
    doAfterwards(afterwards, folder);
  }

  /** Starts it, and waits until the standbys follow. Throws a sentence if a program is missing. */
  static async start(options: PatroniOptions = {}): Promise<PatroniCluster> {
    const programs = await patroniPrograms();
    const folder = mkdtempSync(join(dataFolder(options.isDurable === true), "roost-patroni-"));
    const cluster = new PatroniCluster(folder, programs, await freePorts(portsOfMember * names.length), options);
    try {
      for (const member of cluster.members) member.start();
      await cluster.ready(startMsMax);
      await cluster.command(`CREATE ROLE ${ownerRole} LOGIN IN ROLE pg_monitor`);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The words that run patronictl on it, for a person. */
  get patronictl(): string {
    return `${this.programs.patronictl} -c ${this.members[0]?.config}`;
  }

  /** The member that is the primary now, as the first that answers sees it; undefined: none is. */
  async primary(): Promise<PatroniMember | undefined> {
    const leader = (await this.states()).find(({ role, state }) => role === "leader" && state === "running");
    return this.members.find(({ name }) => name === leader?.name);
  }

  /** Waits until there is a primary, which another member is if one is named; returns it. */
  async primaryOtherThan(former?: PatroniMember, msMax = healMsMax): Promise<PatroniMember> {
    let found: PatroniMember | undefined;
    const hasOther = async (): Promise<boolean> => {
      found = await this.primary();
      return found !== undefined && found !== former;
    };
    await until(hasOther, "another PostgreSQL is the primary", msMax);
    if (found === undefined) throw new Error("there is a primary");
    return found;
  }

  /** Waits until all three run, and as many standbys hold each commit as are wanted. */
  async ready(msMax = healMsMax): Promise<void> {
    const follower = this.standbys === 0 ? "replica" : "quorum_standby";
    const isReady = async (): Promise<boolean> => {
      const states = await this.states();
      const followers = states.filter(({ role, state }) => role === follower && state === "streaming");
      const leaders = states.filter(({ role, state }) => role === "leader" && state === "running");
      return leaders.length === 1 && followers.length === names.length - 1;
    };
    await until(isReady, "a primary runs, and two standbys follow it", msMax);
  }

  /** Makes another member the primary, as an operator does. */
  async switchover(): Promise<void> {
    const leader = (await this.primaryOtherThan()).name;
    const { status, said } = await this.runPatronictl(["switchover", scope, "--leader", leader, "--force"]);
    if (status !== 0) throw new Error(`patronictl switchover: ${said}`);
  }

  /** The members as Patroni knows them, for a person. */
  async list(): Promise<string> {
    return (await this.runPatronictl(["list"])).said;
  }

  private async runPatronictl(words: readonly string[]): Promise<{ readonly status: number; readonly said: string }> {
    const command = [this.programs.patronictl, "-c", this.members[0]?.config ?? "", ...words];
    const child = Bun.spawn([...asUser(serverUser()), ...command], { stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { status: await child.exited, said: `${out}${err}` };
  }

  /** An empty database; its URL for `--store`, which names all three. */
  async makeDatabase(): Promise<string> {
    const hosts = this.members.map(({ address }) => address).join(",");
    return `postgres://${ownerRole}@${hosts}/${await this.makeEmpty()}?target_session_attrs=read-write`;
  }

  /** The same, at the one server that is the primary now. */
  async makeDatabaseOfOne(): Promise<string> {
    const { address } = await this.primaryOtherThan();
    return `postgres://${ownerRole}@${address}/${await this.makeEmpty()}`;
  }

  /** Ends all of it at once, for a process that ends; what is left ends after it. */
  kill(): void {
    for (const member of this.members) member.signal("SIGKILL");
  }

  /** Ends all of it, and removes its data. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }

  private async makeEmpty(): Promise<string> {
    const name = `store_${this.databases++}`;
    await this.command(`CREATE DATABASE ${name} OWNER ${ownerRole}`);
    return name;
  }

  /** Runs a statement on the primary, as the superuser. */
  private async command(text: string): Promise<unknown> {
    const { address } = await this.primaryOtherThan();
    const sql = new SQL(`postgres://postgres@${address}/postgres`, { max: 1 });
    try {
      return await sql.unsafe(text);
    } finally {
      await sql.close();
    }
  }

  /** Of all members, as the first that answers sees them. */
  private async states(): Promise<readonly MemberState[]> {
    for (const { ports } of this.members) {
      try {
        const url = `http://127.0.0.1:${ports.rest}/cluster`;
        const answer = await fetch(url, { signal: AbortSignal.timeout(askMsMax) });
        const { members }: { members: readonly MemberState[] } = await answer.json();
        return members;
      } catch {
        // It is killed, frozen or only starting: the next one knows as well.
      }
    }
    return [];
  }
}
