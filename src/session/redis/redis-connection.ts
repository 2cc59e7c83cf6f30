// One connection to one run of the server. It ends when the server does, or after about a second without answers;
// pending calls are rejected then. A connection is not reused.

import { RedisClient } from "bun";
import { SessionsUnavailable } from "../sessions.ts";
import { readTarget } from "./redis-url.ts";
import type { Script } from "./scripts.ts";
import { backgroundTimers, type Cancel, every } from "../../base/timers.ts";

const connectMsMax = 1_500;
const checkMs = 200;
/** Consecutive checks without a due answer. Counted, not timed, so that a stall of this process counts once. */
const silentChecksMax = 5;

/** What each mode of a server but `standalone` says to who would keep sessions there. */
const otherModes: ReadonlyMap<string | undefined, string> = new Map([
  [
    "sentinel",
    "it is a Sentinel, which keeps no sessions: name the master that it watches, or a proxy that leads to it",
  ],
  ["cluster", "it is a node of a Redis Cluster, whose protocol this program does not speak: name a server on its own"],
]);

/** The server works otherwise than this program needs; the message is a sentence. */
export class WrongMode extends SessionsUnavailable {}

function refuseMode(mode: string | undefined): void {
  const sentence = otherModes.get(mode);
  if (sentence !== undefined) throw new WrongMode(sentence);
}

export class RedisConnection {
  private readonly client: RedisClient;
  private readonly prefix: string;
  private readonly endChecks: Cancel;
  private asked = 0;
  private answered = 0;
  private answeredBefore = 0;
  private silentChecks = 0;
  /** The server's run id, once `open` has read it. */
  private run = "";

  private constructor(client: RedisClient, prefix: string) {
    this.client = client;
    this.prefix = prefix;
    this.endChecks = every(backgroundTimers, checkMs, () => this.check());
  }

  /** Connects; calls `lost` once when an open connection ends. Rejects with errors of the client or the server. */
  static async open(url: string, prefix: string, lost: () => void): Promise<RedisConnection> {
    const target = readTarget(url);
    const client = new RedisClient(target.url, {
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: connectMsMax,
      maxRetries: 0,
      ...(target.tls && { tls: { ...target.tls, rejectUnauthorized: true } }),
    });
    try {
      await client.connect();
    } catch (error) {
      client.close();
      throw error;
    }
    const connection = new RedisConnection(client, prefix);
    client.onclose = () => connection.endChecks();
    try {
      // Valkey has a name of its own.
      refuseMode(await connection.info("server", "(?:redis|server)_mode"));
      const run = await connection.info("server", "run_id");
      if (run === undefined) throw new SessionsUnavailable("the server does not report its run id");
      connection.run = run;
    } catch (error) {
      connection.close();
      throw error;
    }
    client.onclose = () => {
      connection.endChecks();
      lost();
    };
    return connection;
  }

  /** Runs a script. Rejects with errors of the client or the server. */
  async call(script: Script, parameters: readonly string[]): Promise<unknown> {
    const rest = ["1", this.prefix, this.run, ...parameters];
    try {
      return await this.send("EVALSHA", [script.sha, ...rest]);
    } catch (error) {
      // The server does not have the script yet, or has flushed its scripts.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return this.send("EVAL", [script.text, ...rest]);
    }
  }

  /**
   * Returns a value of a section of INFO, if any; `name` is a part of a regular expression. Rejects with errors of the
   * client or the server.
   */
  async info(section: string, name: string): Promise<string | undefined> {
    const info = await this.send("INFO", [section]);
    return typeof info === "string" ? new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1] : undefined;
  }

  get isOpen(): boolean {
    return this.client.connected;
  }

  close(): void {
    this.endChecks();
    this.client.close();
  }

  private async send(command: string, words: string[]): Promise<unknown> {
    this.asked++;
    try {
      return await this.client.send(command, words);
    } finally {
      this.answered++;
    }
  }

  private check(): void {
    const isSilent = this.asked > this.answered && this.answered === this.answeredBefore;
    this.answeredBefore = this.answered;
    this.silentChecks = isSilent ? this.silentChecks + 1 : 0;
    if (this.silentChecks >= silentChecksMax) this.close();
  }
}
