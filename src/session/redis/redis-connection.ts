// One connection to one run of the server. It ends when the server goes, or when nothing is answered for about a second;
// what was asked is refused then, and it is never used again.

import { RedisClient } from "bun";
import { SessionsUnavailable } from "../sessions.ts";
import type { Script } from "./scripts.ts";
import { backgroundTimers, type Cancel, every } from "../../base/timers.ts";

const connectMsMax = 1_500;
const checkMs = 200;
/** Checks in a row without an answer, while one is due. Counted, not timed: a stall of this process is one check. */
const silentChecksMax = 5;

/** An open connection. */
export class RedisConnection {
  private readonly client: RedisClient;
  private readonly prefix: string;
  private readonly endChecks: Cancel;
  private asked = 0;
  private answered = 0;
  private answeredBefore = 0;
  private silentChecks = 0;
  /** The server's run, once `open` has asked for it. */
  private run = "";

  private constructor(client: RedisClient, prefix: string) {
    this.client = client;
    this.prefix = prefix;
    this.endChecks = every(backgroundTimers, checkMs, () => this.check());
  }

  /** Connects; `lost` is called once when an open connection ends. Rejects with what the client or the server says. */
  static async open(url: string, prefix: string, lost: () => void): Promise<RedisConnection> {
    const client = new RedisClient(url, {
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: connectMsMax,
      maxRetries: 0,
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
      const run = await connection.info("server", "run_id");
      if (run === undefined) throw new SessionsUnavailable("the server does not tell its run id");
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

  /** Runs a script. Rejects with what the client or the server says. */
  async call(script: Script, parameters: readonly string[]): Promise<unknown> {
    const rest = ["1", this.prefix, this.run, ...parameters];
    try {
      return await this.send("EVALSHA", [script.sha, ...rest]);
    } catch (error) {
      // A server that does not know the script yet, or has been told to forget all.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return this.send("EVAL", [script.text, ...rest]);
    }
  }

  /** A value of a section of INFO; undefined where the server has none. Rejects with what the client or the server says. */
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
