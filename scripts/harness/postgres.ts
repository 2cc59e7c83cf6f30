// A PostgreSQL server for tests and the bench: a real one, on a free loopback port, with its data in a temporary
// folder, of memory where nothing has to last. It ends with the process that started it, also when that fails. Where
// PostgreSQL is not installed, tests that need it are skipped.

import { chownSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL, type Subprocess } from "bun";
import { freePorts } from "./free-ports.ts";
import { asUser, canChangeUser, dataFolder, programFolder, serverUser, type User } from "./postgres-programs.ts";
import { signalAll } from "./process-tree.ts";
import { until } from "./until.ts";
import { endsWithParent, removeAfterwards } from "./with-parent.ts";

/** False: tests with a server are skipped. */
export const hasPostgres: boolean = programFolder !== undefined && canChangeUser;
/** From 15 on a copy of the files, which costs less than logging their pages; older servers do nothing else. */
const strategy = Number(/postgresql\/(\d+)\//.exec(programFolder ?? "")?.[1]) >= 15 ? "STRATEGY FILE_COPY" : "";

/** The cluster that initdb makes, for all test processes of a run of scripts/test: a copy costs a tenth of initdb. */
const shared = process.env["TEST_FOLDER"];
const template = shared === undefined ? undefined : join(shared, "postgres");

/** Copies a folder's content with its owners and modes. */
async function copyFolder(from: string, to: string): Promise<void> {
  const status = await Bun.spawn(["cp", "-a", `${from}/.`, to]).exited;
  if (status !== 0) throw new Error(`cp of ${from} failed`);
}

export class PostgresServer {
  readonly port: number;
  private readonly data: string;
  private readonly user: User | undefined;
  private readonly isDurable: boolean;
  private readonly variables: Readonly<Record<string, string>>;
  private child: Subprocess | undefined;
  private databases = 0;

  private constructor(
    data: string,
    user: User | undefined,
    port: number,
    isDurable: boolean,
    variables: Readonly<Record<string, string>>,
  ) {
    this.data = data;
    this.variables = variables;
    this.user = user;
    this.port = port;
    this.isDurable = isDurable;
    removeAfterwards(data);
    process.on("exit", () => {
      this.child?.kill("SIGKILL");
      // Its other processes need a moment to notice, and may write meanwhile.
      rmSync(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    });
  }

  /**
   * Makes a fresh cluster and starts it. `isDurable`: a commit waits for the disk, which tests need not. `variables`
   * are added to its environment. `isForeign`: no other server has its system identifier.
   */
  static async start({ isDurable = false, isForeign = false, variables = {} } = {}): Promise<PostgresServer> {
    const server = await PostgresServer.make(isDurable, variables);
    // The variables may hold for initdb, too.
    await server.makeCluster(isForeign || Object.keys(variables).length > 0 ? undefined : template);
    await server.run();
    return server;
  }

  /** Copies the template; the first ones, which find none, make the cluster themselves and leave a copy. */
  private async makeCluster(copied: string | undefined): Promise<void> {
    if (copied !== undefined && existsSync(copied)) {
      await copyFolder(copied, this.data);
      return;
    }
    const words = ["-D", this.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"];
    if ((await this.spawn("initdb", words).exited) !== 0) throw new Error("initdb failed");
    if (copied === undefined) return;
    const draft = mkdtempSync(`${copied}-`);
    await copyFolder(this.data, draft);
    try {
      renameSync(draft, copied);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(copied)) throw error;
      rmSync(draft, { recursive: true });
    }
  }

  private static async make(
    isDurable: boolean,
    variables: Readonly<Record<string, string>>,
    given?: number,
  ): Promise<PostgresServer> {
    const [port = 0] = given === undefined ? await freePorts(1) : [given];
    const data = mkdtempSync(join(dataFolder(isDurable), "roost-postgres-"));
    const user = serverUser();
    if (user !== undefined) chownSync(data, user.uid, user.gid);
    return new PostgresServer(data, user, port, isDurable, variables);
  }

  /**
   * Starts another server with the content of this one as it is now: a standby that is promoted, and lacks what
   * follows.
   */
  clone(): Promise<PostgresServer> {
    return this.copied("copy");
  }

  /**
   * Starts a standby that follows this server, under a name that synchronous_standby_names may have. It becomes a
   * primary by `promote`, and follows another server by `followOther`. `port`: of one that was ended, in its place.
   */
  standby(name: string, port?: number): Promise<PostgresServer> {
    return this.copied(name, ["--write-recovery-conf"], port);
  }

  private async copied(name: string, more: readonly string[] = [], port?: number): Promise<PostgresServer> {
    const server = await PostgresServer.make(this.isDurable, this.variables, port);
    const words = ["-D", server.data, "-d", this.sourceFor(name), "-c", "fast", "--no-sync", ...more];
    if ((await server.spawn("pg_basebackup", words).exited) !== 0) throw new Error("pg_basebackup failed");
    await server.run();
    return server;
  }

  /** Where a server of this name copies and follows this one. */
  private sourceFor(name: string): string {
    return `host=127.0.0.1 port=${this.port} user=postgres application_name=${name}`;
  }

  /** How much of the write-ahead log a standby has, in bytes: of several, the one that has most is promoted. */
  async received(): Promise<bigint> {
    await using sql = new SQL(this.url("postgres"), { max: 1, bigint: true });
    const [row]: { bytes: bigint }[] = await sql`
      SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint AS bytes`;
    return row?.bytes ?? 0n;
  }

  /** Makes a standby a primary; it takes writes when this resolves. */
  async promote(): Promise<void> {
    await this.command("SELECT pg_promote(true, 30)");
  }

  /** Makes a standby follow another primary, whose timeline it takes. */
  async followOther(primary: PostgresServer, name: string): Promise<void> {
    await this.set({ primary_conninfo: primary.sourceFor(name) });
  }

  /** Changes settings of the running server, and waits until they are in force. */
  async set(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [setting, value] of Object.entries(settings)) {
      await this.command(`ALTER SYSTEM SET ${setting} = '${value}'`);
    }
    await this.command("SELECT pg_reload_conf()");
    for (const [setting, value] of Object.entries(settings)) {
      await until(
        async () =>
          (await this.command(`SELECT FROM pg_settings WHERE name = '${setting}' AND setting = '${value}'`)) > 0,
        `${setting} is ${value}`,
      );
    }
  }

  /** Stops all of its processes: connections stay, by the system, and nothing answers. */
  freeze(): void {
    if (this.child !== undefined) signalAll([this.child.pid], "SIGSTOP");
  }

  /** They go on. */
  wake(): void {
    if (this.child !== undefined) signalAll([this.child.pid], "SIGCONT");
  }

  /** Starts it again after `kill`, on the same port and data. */
  async run(): Promise<void> {
    const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${this.data}`, "log_min_messages=panic"];
    if (!this.isDurable) settings.push("fsync=off");
    const words = ["-D", this.data, "-p", `${this.port}`, ...settings.flatMap((setting) => ["-c", setting])];
    await until(
      async () => {
        // After a kill it refuses to start until the last of its processes is gone.
        if (this.child === undefined || this.child.exitCode !== null) this.child = this.spawn("postgres", words);
        const sql = new SQL(this.url("postgres"), { max: 1, connectionTimeout: 1 });
        try {
          await sql`SELECT 1`;
          return true;
        } finally {
          await sql.close({ timeout: 0 });
        }
      },
      "PostgreSQL answers",
      30_000,
    );
  }

  /** Makes a file that the server may read and others may not; returns its path. */
  file(name: string, content: string): string {
    const path = join(this.data, name);
    writeFileSync(path, content, { mode: 0o600 });
    if (this.user !== undefined) chownSync(path, this.user.uid, this.user.gid);
    return path;
  }

  /** Makes the server read these settings, of lines `name = value`, and this list of who may connect how. */
  configure(settings: readonly string[], hosts: string): void {
    this.file("postgresql.auto.conf", `${settings.join("\n")}\n`);
    this.file("pg_hba.conf", hosts);
    this.child?.kill("SIGHUP");
  }

  /**
   * Ends it at once, for `run` to start it again. SIGKILL: as when the machine loses it; its other processes notice and
   * end. SIGQUIT: as `pg_ctl stop -m immediate` does.
   */
  async kill(signal: "SIGKILL" | "SIGQUIT" = "SIGKILL"): Promise<void> {
    const { child } = this;
    this.child = undefined;
    child?.kill(signal);
    await child?.exited;
  }

  async stop(): Promise<void> {
    // SIGQUIT: an immediate shutdown; the data are thrown away.
    this.child?.kill("SIGQUIT");
    await this.child?.exited;
    rmSync(this.data, { recursive: true, force: true });
  }

  url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** The same over the server's Unix socket, for a URL of its own. */
  socketUrl(url: string): string {
    return `postgres://${new URL(url).pathname}?host=${this.data}&port=${this.port}&user=postgres`;
  }

  /** An empty database; its URL. */
  async makeDatabase(options = ""): Promise<string> {
    const name = `store_${this.databases++}`;
    await this.command(`CREATE DATABASE ${name} ${options} ${strategy}`);
    return this.url(name);
  }

  /** Ends the connections to a database and removes it. */
  async dropDatabase(url: string): Promise<void> {
    await this.command(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
  }

  /** Ends the connections to a database, as an administrator does. */
  async endConnections(url: string): Promise<void> {
    const name = new URL(url).pathname.slice(1);
    await this.command(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  }

  /** Makes these settings the defaults of a database. */
  async setDefaults(url: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const name = new URL(url).pathname.slice(1);
    for (const [setting, value] of Object.entries(settings)) {
      const list = setting === "search_path" || setting === "datestyle" ? value : `'${value}'`;
      await this.command(`ALTER DATABASE ${name} SET ${setting} = ${list}`);
    }
  }

  /** Ends one of its processes as a bug in it would: the others end with it, and are started again. */
  async crash(): Promise<void> {
    const sql = new SQL(this.url("postgres"), { max: 1 });
    try {
      const [row]: { pid: number }[] = await sql`SELECT pg_backend_pid() AS pid`;
      if (row !== undefined) process.kill(row.pid, "SIGKILL");
    } finally {
      await sql.close({ timeout: 0 });
    }
  }

  /** Runs an administrator's statement; returns how many rows it has. */
  command(text: string): Promise<number> {
    return this.commandIn("postgres", text);
  }

  /** The same in another database than `postgres`. */
  async commandIn(database: string, text: string): Promise<number> {
    const sql = new SQL(this.url(database), { max: 1 });
    try {
      const rows: unknown[] = await sql.unsafe(text);
      return rows.length;
    } finally {
      await sql.close();
    }
  }

  private spawn(program: string, words: readonly string[]): Subprocess {
    if (programFolder === undefined) throw new Error("PostgreSQL is not installed");
    // Set after the user is: what they load into a process may make files that only its user may read.
    const variables = Object.entries(this.variables).map(([name, value]) => `${name}=${value}`);
    const command = ["env", ...variables, join(programFolder, program), ...words];
    return Bun.spawn([...asUser(this.user), ...endsWithParent("QUIT"), ...command], {
      cwd: this.data,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  }
}
