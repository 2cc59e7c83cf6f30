// One machine of three, as processes of this one: a PostgreSQL, the Patroni that starts it and looks after it, and an
// etcd. It may be killed, frozen and started again.

import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { asUser, type User } from "../postgres-programs.ts";
import { isRunning, signalAll } from "../process-tree.ts";
import { until } from "../until.ts";
import { endsWithParent } from "../with-parent.ts";
import { configOf, type MemberPorts, type Standbys } from "./config.ts";
import { leadElsewhere } from "./etcd-leader.ts";
import type { PatroniPrograms } from "./programs.ts";

export interface MemberOptions {
  readonly name: string;
  /** The parent of its folder, and where its log goes, `NAME.log` and `NAME-etcd.log`. */
  readonly folder: string;
  readonly logs: string;
  readonly programs: PatroniPrograms;
  readonly user: User | undefined;
  readonly standbys: Standbys;
  readonly isDurable: boolean;
  readonly ports: MemberPorts;
  /** Of all members, by their names. */
  readonly allPorts: ReadonlyMap<string, MemberPorts>;
}

export class PatroniMember {
  readonly name: string;
  readonly ports: MemberPorts;
  /** Patroni's settings, for patronictl too. */
  readonly config: string;
  private readonly options: MemberOptions;
  private readonly folder: string;
  private etcd: Subprocess | undefined;
  private patroni: Subprocess | undefined;

  constructor(options: MemberOptions) {
    const { name, ports, user, standbys, isDurable } = options;
    this.options = options;
    this.name = name;
    this.ports = ports;
    this.folder = join(options.folder, name);
    this.config = join(this.folder, "patroni.json");
    mkdirSync(this.folder, { mode: 0o700 });
    const etcds = [...options.allPorts.values()].map(({ etcd }) => `127.0.0.1:${etcd}`);
    writeFileSync(this.config, configOf({ name, folder: this.folder, ports, etcds, standbys, isDurable }), {
      mode: 0o600,
    });
    if (user === undefined) return;
    for (const path of [this.folder, this.config]) chownSync(path, user.uid, user.gid);
  }

  /** `host:port` of its PostgreSQL. */
  get address(): string {
    return `127.0.0.1:${this.ports.postgres}`;
  }

  /** The folder with its database. */
  get data(): string {
    return join(this.folder, "data");
  }

  /** Of its PostgreSQL's first process, which is the parent of the others; undefined: it does not run. */
  get postmasterPid(): number | undefined {
    try {
      const [line = ""] = readFileSync(join(this.data, "postmaster.pid"), "utf8").split("\n", 1);
      return isRunning(Number(line)) ? Number(line) : undefined;
    } catch {
      // Before its first start, and between two.
      return undefined;
    }
  }

  get patroniPid(): number | undefined {
    return this.patroni?.pid;
  }

  get etcdPid(): number | undefined {
    return this.etcd?.pid;
  }

  /** Starts what does not run, with the data that are there. */
  start(): void {
    const { name, programs, allPorts, ports } = this.options;
    const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
    this.etcd ??= this.spawn(`${name}-etcd.log`, [
      ...[programs.etcd, "--name", name, "--data-dir", join(this.folder, "etcd"), "--logger", "zap"],
      ...["--listen-client-urls", urlOf(ports.etcd), "--advertise-client-urls", urlOf(ports.etcd)],
      ...["--listen-peer-urls", urlOf(ports.etcdPeers), "--initial-advertise-peer-urls", urlOf(ports.etcdPeers)],
      // Half of the defaults, which are for machines in several places: while it has no leader, no lease runs out.
      ...["--heartbeat-interval", "50", "--election-timeout", "500"],
      "--initial-cluster",
      [...allPorts].map(([other, { etcdPeers }]) => `${other}=${urlOf(etcdPeers)}`).join(","),
    ]);
    this.patroni ??= this.spawn(`${name}.log`, [programs.patroni, this.config]);
  }

  /** The whole machine is lost: SIGKILL to all of its processes. Resolves when none is left. */
  async kill(): Promise<void> {
    await this.ended(this.signal("SIGKILL"));
    this.etcd = undefined;
    this.patroni = undefined;
  }

  /** The same without its etcd, of which the others need two. */
  async killDatabase(): Promise<void> {
    await this.ended(signalAll([this.postmasterPid, this.patroni?.pid].filter(isPid), "SIGKILL"));
    this.patroni = undefined;
  }

  /** Sends a signal to all of its processes, and waits for nothing; returns whom it was sent to. */
  signal(signal: NodeJS.Signals): number[] {
    return signalAll([this.etcd?.pid, this.postmasterPid, this.patroni?.pid].filter(isPid), signal);
  }

  /** Kills PostgreSQL's first process alone: the others notice and end. Resolves when it has ended. */
  async killPostmaster(): Promise<void> {
    const pid = this.postmasterPid;
    if (pid === undefined) throw new Error(`${this.name} has no PostgreSQL that runs`);
    process.kill(pid, "SIGKILL");
    await until(() => !isRunning(pid), `${this.name}'s PostgreSQL has ended`);
  }

  /** Stops all of its processes, as a machine that hangs. */
  async freeze(): Promise<void> {
    const { ports, allPorts } = this.options;
    const other = [...allPorts.values()].find(({ etcd }) => etcd !== ports.etcd);
    if (other !== undefined) await leadElsewhere(ports.etcd, other.etcd);
    this.signal("SIGSTOP");
  }

  /** They go on. */
  wake(): void {
    this.signal("SIGCONT");
  }

  /** Ends all of it, for good. */
  async stop(): Promise<void> {
    this.wake();
    this.patroni?.kill("SIGKILL");
    this.etcd?.kill("SIGKILL");
    const pid = this.postmasterPid;
    // An immediate shutdown, which leaves no shared memory behind; the data are thrown away.
    if (pid !== undefined) process.kill(pid, "SIGQUIT");
    await Promise.all([this.patroni?.exited, this.etcd?.exited]);
    if (pid !== undefined) await until(() => !isRunning(pid), `${this.name}'s PostgreSQL has ended`);
  }

  private ended(pids: readonly number[]): Promise<void> {
    return until(() => !pids.some(isRunning), `${this.name}'s processes have ended`);
  }

  private spawn(log: string, words: readonly string[]): Subprocess {
    // The log is opened before the user is changed, who could not.
    const shell = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', join(this.options.logs, log)];
    const command = [...shell, ...asUser(this.options.user), ...endsWithParent(), ...words];
    return Bun.spawn(command, { cwd: this.folder, stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  }
}

const isPid = (pid: number | undefined): pid is number => pid !== undefined;
