// The cluster's key is changed while people talk, by restarts of one process at a time: no request is lost beyond what the
// restart of a gateway costs its own clients, in whatever order processes are restarted.

import { afterEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { clusterFingerprint } from "../../src/auth/store-ownership.ts";
import { registryToken } from "../../src/auth/registry-token.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { closeAll, HandDialler, newIdentity } from "../container/link/support.ts";
import { at } from "../registry/http/support.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { Random, testSeed } from "../support/random.ts";
import { run } from "../support/server-process.ts";
import { until } from "../support/until.ts";

let stage: ClusterStage | undefined;
let talks: Rotation | undefined;
const clients: RoostClient[] = [];

afterEach(async () => {
  talks?.abandon();
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await closeAll();
  await stage?.close();
  stage = undefined;
});

const newKey = (): string => randomBytes(32).toString("base64url");
const bytesOf = (key: string): Uint8Array => new TextEncoder().encode(key);

/** A cluster in which people talk while its processes are restarted. */
class Rotation {
  readonly stage: ClusterStage;
  private readonly random: Random;
  /** The process that is being restarted. */
  private restarting = "";
  private isOver = false;
  private talking: Promise<void>[] = [];
  private readonly said: string[] = [];
  private readonly heard: string[] = [];
  /** What went wrong while no gateway was restarted. */
  private readonly faults: string[] = [];
  private answered = 0;

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
          token: () => cluster.token(name),
          talkTriesMax: 50,
          on: { message: ({ body }) => void this.heard.push(body) },
          environment: { random: () => this.random.below(1_000) / 5_000 },
        }),
      ),
    );
    clients.push(...people);
    this.talking = [...people.map((person) => this.chat(person, names)), ...[1, 2, 3].map((one) => this.count(one))];
    await until(() => this.said.length > 20 && this.answered > 20, "the talk is in full swing");
  }

  /** Restarts every process with these keys, one at a time, in an order of chance. */
  async round(...keys: readonly string[]): Promise<void> {
    const { cluster } = this.stage;
    writeFileSync(this.stage.path("cluster-key"), `${keys.join("\n")}\n`, { mode: 0o600 });
    for (const name of this.shuffled(cluster.names())) {
      const before = { said: this.said.length, answered: this.answered };
      this.restarting = name;
      expect([name, await cluster.end(name, "SIGTERM")]).toEqual([name, 0]);
      await cluster.start(name);
      await until(() => cluster.isReady(name), `${name} is ready`, 20_000);
      await this.stage.says(name, new RegExp(`services of the cluster share these keys.* keys=${keys.length} `));
      await until(() => this.isWhole(), `all are linked after the restart of ${name}`, 20_000);
      this.restarting = "";
      await until(() => this.said.length > before.said + 5 && this.answered > before.answered + 5, "people talk on");
      expect([name, this.faults]).toEqual([name, []]);
    }
  }

  /** Waits until every store belongs to the keys of now. */
  async owned(): Promise<void> {
    const { cluster } = this.stage;
    for (const name of [...cluster.names("login"), ...cluster.names("chat")])
      await this.stage.says(name, /every member of the cluster has the same keys/, 90_000);
  }

  /** Ends the talk, and compares what was said with what was heard. */
  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.talking);
    await until(() => this.heard.length >= this.said.length, "everything was heard", 20_000);
    expect(this.heard.toSorted()).toEqual(this.said.toSorted());
    expect(this.faults).toEqual([]);
  }

  private shuffled(names: readonly string[]): string[] {
    return names
      .map((name) => ({ name, rank: this.random.below(1_000_000) }))
      .toSorted((one, other) => one.rank - other.rank)
      .map(({ name }) => name);
  }

  /** The test has failed. */
  abandon(): void {
    this.isOver = true;
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
    let client = await this.stage.wire(`counter${number}`);
    while (!this.isOver) {
      // A gateway takes its clients' requests and connections along; the next one may be sent there as well.
      const isExcused = (): boolean => this.restarting.startsWith("gateway");
      try {
        const { status } = await client.request(Command.UserTalk, "somebody", MessageReqSchema, said);
        if (status === Status.Success) this.answered++;
        else if (!isExcused()) this.faults.push(`${this.restarting}: status ${status}`);
      } catch (error) {
        if (!isExcused()) this.faults.push(`${this.restarting}: ${String(error)}`);
        const again = await this.stage.wire(`counter${number}`).catch(() => undefined);
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

async function begin(title: string): Promise<{ readonly rotation: Rotation; readonly keyA: string }> {
  const size = { discovery: 2, gateways: 2, logins: 2, chats: 2 };
  const running = (stage = await ClusterStage.start(size, { sharesPorts: true }));
  const rotation = (talks = new Rotation(running, new Random(testSeed(title))));
  await rotation.talk();
  return { rotation, keyA: new TextDecoder().decode(running.clusterKey) };
}

/** The fingerprints of the owner, as the files of messages and of sessions have them. */
function ownersOf(running: ClusterStage): { readonly messages: unknown; readonly sessions: unknown } {
  const read = (file: string, query: string): unknown => {
    const db = new Database(running.path(file), { readonly: true });
    try {
      return db.query(query).values().flat();
    } finally {
      db.close();
    }
  };
  return {
    messages: read("messages.db", "SELECT fingerprint FROM owner"),
    sessions: read("sessions.db", "SELECT owners FROM ownership"),
  };
}

/** Nobody takes the key any more: no registry node, no node that is linked, and no store. */
async function expectUnknown(running: ClusterStage, key: string): Promise<void> {
  const { cluster } = running;
  const path = running.path("key-of-yesterday");
  writeFileSync(path, key, { mode: 0o600 });
  const others = { "--cluster-key-file": path, "--id": "of-yesterday" };
  for (const name of ["login-1", "chat-1"]) {
    const { status, err } = await run(cluster.words(name, others), running.folder);
    expect([name, status, err]).toEqual([name, 1, expect.stringContaining("belongs to another cluster")]);
  }
  for (const url of cluster.registry) {
    const headers = { authorization: `Bearer ${registryToken(bytesOf(key))}` };
    const answer: unknown = await (await fetch(`${url}/discovery/renew`, { method: "POST", headers })).json();
    expect(at(answer, "code")).toBe(-401);
  }
  for (const name of [...cluster.names("login"), ...cluster.names("chat")]) {
    const identity = newIdentity("of-yesterday");
    const dialler = await HandDialler.connect(cluster.linkAddress(name), { identity, key: bytesOf(key) });
    await dialler.shake();
    expect((await dialler.recording.end()).code).toBe(CloseCode.Unauthorised);
  }
}

test("three rounds of restarts move a cluster from one key to another, and no request is lost", async () => {
  const { rotation, keyA } = await begin("the order of restarts, three rounds");
  const keyB = newKey();
  await rotation.round(keyA, keyB);
  await rotation.owned();
  await rotation.round(keyB, keyA);
  await rotation.round(keyB);
  await rotation.owned();
  await rotation.end();
  const fingerprint = clusterFingerprint(bytesOf(keyB), "dev");
  expect(ownersOf(rotation.stage)).toEqual({ messages: [fingerprint], sessions: [fingerprint] });
  await expectUnknown(rotation.stage, keyA);
}, 300_000);

test("so do two rounds, of which the first puts the new key first at once", async () => {
  const { rotation, keyA } = await begin("the order of restarts, two rounds");
  const keyB = newKey();
  await rotation.round(keyB, keyA);
  await rotation.owned();
  await rotation.round(keyB);
  await rotation.owned();
  await rotation.end();
  const fingerprint = clusterFingerprint(bytesOf(keyB), "dev");
  expect(ownersOf(rotation.stage)).toEqual({ messages: [fingerprint], sessions: [fingerprint] });
  await expectUnknown(rotation.stage, keyA);
}, 300_000);
