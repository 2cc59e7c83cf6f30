// A cluster in which people talk while its keys change: by restarts of one process after the other, or by signals.

import { expect } from "bun:test";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { fingerprintOf } from "../../src/auth/secret.ts";
import { signToken } from "../../src/auth/token.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { at } from "../registry/http/support.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import type { Random } from "./random.ts";
import { until } from "../../scripts/harness/until.ts";
import type { WireClient } from "./wire-client.ts";

/** A cluster in which people talk while its processes are restarted. */
export class KeyRotation {
  readonly stage: ClusterStage;
  private readonly random: Random;
  /** The process that is being restarted. */
  private restarting = "";
  private isOver = false;
  private talking: Promise<void>[] = [];
  private readonly said: string[] = [];
  private readonly heard: string[] = [];
  /** What else is known of it, for a message that is heard twice. */
  private readonly heardWhere = new Map<string, string>();
  /** What went wrong while no gateway was restarted. */
  private readonly faults: string[] = [];
  private answered = 0;
  private readonly people: RoostClient[] = [];
  /** With which the back end signs tokens; undefined: with the cluster's first one. */
  tokenKey: string | undefined;
  /** Processes of a release that does not read its keys again. */
  readonly others = new Set<string>();
  /** How often people of the library came back. */
  returns = 0;

  constructor(running: ClusterStage, random: Random) {
    this.stage = running;
    this.random = random;
  }

  /** People of the library, who come back by themselves, and clients that count every answer. */
  async talk(): Promise<void> {
    const { cluster } = this.stage;
    const names = Array.from({ length: 10 }, (_, number) => `person${number}`);
    const people = await Promise.all(
      names.map((name) =>
        RoostClient.connect({
          url: `tcp://${cluster.gateways[0]?.tcp}`,
          token: () => this.token(name),
          talkTriesMax: 50,
          on: {
            // A connection may hear of what the one before it has sent, as of what another device has.
            message: ({ body, id, sender }) => sender === name || this.hear(body, `${id} at ${name}`),
            online: () => void this.returns++,
          },
          environment: { random: () => this.random.below(1_000) / 5_000 },
        }),
      ),
    );
    this.people.push(...people);
    this.talking = [...people.map((person) => this.chat(person, names)), ...[1, 2, 3].map((one) => this.count(one))];
    await until(() => this.said.length > 20 && this.answered > 20, "the talk is in full swing");
  }

  /** Restarts every process with these keys, one at a time, in an order of chance. */
  async round(...keys: readonly string[]): Promise<void> {
    const { cluster } = this.stage;
    this.write("cluster-key", keys);
    for (const name of this.shuffled(cluster.names())) await this.restart(name, keys.length);
  }

  /**
   * Has every process read a file of keys again, one at a time, in an order of chance; those that run another program
   * are restarted for it.
   */
  async reload(file: "cluster-key" | "secret", ...keys: readonly string[]): Promise<void> {
    this.write(file, keys);
    await this.reread(file);
  }

  /** The same, of a file that has changed already. */
  async reread(file: "cluster-key" | "secret"): Promise<void> {
    const { cluster } = this.stage;
    const keys = readFileSync(this.stage.path(file), "utf8").trim().split("\n");
    const fingerprints = keys.map((key) => fingerprintOf(new TextEncoder().encode(key))).join(" ");
    const whose = file === "secret" ? "keys of the client tokens" : "cluster keys";
    for (const name of this.shuffled(cluster.names(file === "secret" ? "gateway" : undefined))) {
      if (this.others.has(name)) {
        await this.restart(name, keys.length);
        continue;
      }
      cluster.process(name)?.signal("SIGHUP");
      await this.stage.says(name, new RegExp(`the ${whose} were read again \\(${fingerprints}\\)`));
      expect([name, this.faults]).toEqual([name, []]);
    }
    await this.goesOn();
  }

  /** People talk, and nothing goes wrong, after this. */
  async goesOn(): Promise<void> {
    const before = { said: this.said.length, answered: this.answered };
    await until(() => this.said.length > before.said + 20 && this.answered > before.answered + 20, "people talk on");
    expect(this.faults).toEqual([]);
  }

  /** Waits until every store belongs to the keys of now, as each node says since it has them. */
  async owned(): Promise<void> {
    const { cluster } = this.stage;
    for (const name of [...cluster.names("login"), ...cluster.names("chat")]) {
      const since = (): string => {
        const log = cluster.process(name)?.log ?? "";
        return log.slice(Math.max(0, log.lastIndexOf("the cluster keys were read again")));
      };
      const isSaid = (): boolean => since().includes("every member of the cluster has the same keys");
      await until(isSaid, `the stores of ${name} belong to the new keys`, 90_000);
    }
  }

  /** Ends the talk, and compares what was said with what was heard. */
  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.talking);
    await until(() => this.heard.length >= this.said.length, "everything was heard");
    expect(this.heard.toSorted()).toEqual(this.said.toSorted());
    expect(this.faults).toEqual([]);
  }

  private async restart(name: string, keys: number): Promise<void> {
    const { cluster } = this.stage;
    const before = { said: this.said.length, answered: this.answered };
    this.restarting = name;
    expect([name, await cluster.end(name, "SIGTERM")]).toEqual([name, 0]);
    await cluster.start(name);
    await until(() => cluster.isReady(name), `${name} is ready`);
    await this.stage.says(name, new RegExp(`(members|services) of the cluster share these keys.* keys=${keys} `));
    await until(() => this.isWhole(), `all are linked after the restart of ${name}`);
    this.restarting = "";
    await until(() => this.said.length > before.said + 5 && this.answered > before.answered + 5, "people talk on");
    expect([name, this.faults]).toEqual([name, []]);
  }

  private hear(body: string, where: string): void {
    this.heard.push(body);
    const before = this.heardWhere.get(body);
    if (before !== undefined) this.faults.push(`${this.restarting}: ${body} was heard twice: ${before}; ${where}`);
    this.heardWhere.set(body, where);
  }

  private token(account: string): Promise<string> {
    const { tokenKey } = this;
    if (tokenKey === undefined) return this.stage.cluster.token(account);
    return signToken(new TextEncoder().encode(tokenKey), { account, app: "app", ttlSeconds: 3_600 });
  }

  private shuffled(names: readonly string[]): string[] {
    return names
      .map((name) => ({ name, rank: this.random.below(1_000_000) }))
      .toSorted((one, other) => one.rank - other.rank)
      .map(({ name }) => name);
  }

  /** Ends it, also where the test has failed. */
  async close(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.people.map((person) => person.close()));
  }

  /** A file of keys appears whole. */
  private write(file: string, keys: readonly string[]): void {
    const path = this.stage.path(file);
    writeFileSync(`${path}.new`, `${keys.join("\n")}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  private async chat(person: RoostClient, names: readonly string[]): Promise<void> {
    for (let number = 0; !this.isOver; number++) {
      const body = `${person.account} ${number}`;
      const others = names.filter((name) => name !== person.account);
      try {
        await person.talkToUser(others[this.random.below(others.length)] ?? "", { body });
        this.said.push(body);
      } catch (error) {
        if (!this.isOver) this.faults.push(`${this.restarting}: ${body}: ${String(error)}`);
      }
      await Bun.sleep(50 + this.random.below(50));
    }
  }

  private async count(number: number): Promise<void> {
    const said = { type: 1, body: "hello" };
    const signIn = async (): Promise<WireClient> => {
      const made = await this.stage.stranger();
      await made.signIn(await this.token(`counter${number}`));
      return made;
    };
    let client = await signIn();
    let signedWith = this.tokenKey;
    while (!this.isOver) {
      // It comes with a fresh token before the key of the old one is taken away.
      if (signedWith !== this.tokenKey) {
        signedWith = this.tokenKey;
        client.terminate();
        client = await signIn();
      }
      // A gateway takes its clients' requests and connections along; the next one may be sent there as well.
      const isExcused = (): boolean => this.restarting.startsWith("gateway");
      try {
        const { status } = await client.request(Command.UserTalk, "somebody", MessageReqSchema, said);
        if (status === Status.Success) this.answered++;
        else if (!isExcused()) this.faults.push(`${this.restarting}: status ${status}`);
      } catch (error) {
        if (!isExcused()) this.faults.push(`${this.restarting}: ${String(error)}`);
        const again = await signIn().catch(() => undefined);
        if (again !== undefined) client = again;
      }
      await Bun.sleep(20);
    }
  }

  /** Every gateway is linked to every node, and the registry's nodes hear each other. */
  private async isWhole(): Promise<boolean> {
    const { cluster } = this.stage;
    const nodes = cluster.names("login").length + cluster.names("chat").length;
    for (const name of cluster.names("gateway"))
      if (at(await jsonOf(`${cluster.monitor(name)}/health`), "nodes") !== nodes) return false;
    for (const url of cluster.registry)
      if (at(await jsonOf(`${url}/health`), "peersUp") !== cluster.registry.length - 1) return false;
    return true;
  }
}

async function jsonOf(url: string): Promise<unknown> {
  const json: unknown = await (await fetch(url)).json();
  return json;
}
