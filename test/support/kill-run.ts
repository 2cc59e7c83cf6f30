// Fifty people talk while the processes of their cluster are killed and started again: what was said to be stored must
// reach its receiver, exactly once, in the order of each sender; and whoever asks is answered.

import { RoostClient } from "../../src/sdk/roost-client.ts";
import type { ProcessCluster } from "./process-cluster.ts";
import type { Random } from "./random.ts";
import { until } from "./until.ts";

export interface KillRun {
  readonly cluster: ProcessCluster;
  readonly random: Random;
  readonly clients: number;
  readonly kills: number;
  /** Between the end of a process and its new start, at most; and between two ends. */
  readonly pauseMsMax: number;
  /** Something else that happens once, in the middle. */
  readonly inTheMiddle?: () => Promise<void>;
}

export interface KillRunFigures {
  readonly kills: readonly string[];
  /** Talks that were answered with Success, and those that were not. */
  readonly stored: number;
  readonly refused: number;
}

const patienceMs = 30_000;

/** One person: talks, one talk after another, and notes what is said to it. */
class Person {
  readonly account: string;
  readonly client: RoostClient;
  /** Ids of what came, in the order of coming; the text by id. */
  readonly received: bigint[] = [];
  readonly texts = new Map<bigint, string>();

  private constructor(account: string, client: RoostClient) {
    this.account = account;
    this.client = client;
    client.on("message", ({ id, sender, body }) => {
      this.received.push(id);
      this.texts.set(id, `${sender} ${body}`);
    });
  }

  /**
   * Looks up what it said to itself: that is known where it was said, and pushed to other devices only. It does not count
   * as received: the client may come upon it, too, while it catches up. What the index does not hold stays missing.
   */
  async lookUpOwn(stored: ReadonlyMap<bigint, string>): Promise<void> {
    const listed: bigint[] = [];
    for (let after: bigint | undefined = 1n; after !== undefined; after = listed.at(-1)) {
      const from = after;
      const page = await patiently(() => this.client.index(from, false));
      if (page.length === 0) break;
      listed.push(...page.map(({ messageId }) => messageId));
    }
    if (new Set(listed).size !== listed.length) throw new Error(`${this.account}'s index lists something twice`);
    const unheard = listed.filter((id) => !this.texts.has(id) && stored.get(id)?.startsWith(`${this.account} `));
    for (const { messageId, body } of await patiently(() => this.client.contents(unheard))) {
      this.texts.set(messageId, `${this.account} ${body}`);
    }
  }

  static async enter(cluster: ProcessCluster, account: string, gateway: string): Promise<Person> {
    const options = { url: `tcp://${gateway}`, token: () => cluster.token(account), requestTimeoutMs: 5_000 };
    return new Person(account, await RoostClient.connect(options));
  }
}

/** Asks again for a while: a connection whose gateway was the last one killed is only just coming back. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (const endMs = performance.now() + patienceMs; ;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await Bun.sleep(100);
    }
  }
}

/** Runs it; throws an Error that says what was lost, doubled or out of order. */
export async function runKills(run: KillRun): Promise<KillRunFigures> {
  const { cluster, random, clients, kills } = run;
  const { gateways } = cluster;
  const people = await Promise.all(
    Array.from({ length: clients }, (_, at) =>
      Person.enter(cluster, `person${at}`, gateways[at % gateways.length]?.tcp ?? ""),
    ),
  );
  try {
    const time = { isUp: false };
    /** By receiver: the id of each stored talk, and what it said. */
    const stored = new Map<string, Map<bigint, string>>(people.map(({ account }) => [account, new Map()]));
    let refused = 0;
    const talking = people.map(async ({ account, client }) => {
      for (let number = 0; !time.isUp; number++) {
        const receiver = people[random.below(people.length)]?.account ?? "";
        try {
          const { id } = await client.talkToUser(receiver, { body: `${number}` });
          stored.get(receiver)?.set(id, `${account} ${number}`);
        } catch {
          // Refused, or nobody answered in time: an answer, too. It may have been stored all the same.
          refused++;
        }
        await Bun.sleep(10 + random.below(40));
      }
    });
    const killed = await killAtRandom(run);
    time.isUp = true;
    await Promise.all(talking);
    await cluster.ready();
    for (const person of people) {
      const talks = stored.get(person.account) ?? new Map<bigint, string>();
      await person.lookUpOwn(talks);
      await arrived(person, talks);
    }
    for (const person of people) checkOrder(person);
    const count = [...stored.values()].reduce((sum, talks) => sum + talks.size, 0);
    if (killed.length < kills) throw new Error(`only ${killed.length} kills`);
    return { kills: killed, stored: count, refused };
  } finally {
    await Promise.all(people.map(({ client }) => client.close()));
  }
}

async function killAtRandom({ cluster, random, kills, pauseMsMax, inTheMiddle }: KillRun): Promise<string[]> {
  const names = (["gateway", "login", "chat", "discovery"] as const).flatMap((kind) => cluster.names(kind));
  const killed: string[] = [];
  const starting: Promise<void>[] = [];
  while (killed.length < kills) {
    if (killed.length === kills >> 1 && inTheMiddle !== undefined) {
      // Who starts while its store is away says so and ends, for its service manager to start it again; here is none.
      await Promise.all(starting);
      await inTheMiddle();
    }
    const name = names[random.below(names.length)] ?? "";
    // Two at once now and then; but not one that is only just coming back.
    if (cluster.process(name) === undefined) {
      await Bun.sleep(10);
      continue;
    }
    await cluster.end(name, "SIGKILL");
    killed.push(name);
    const awayMs = random.below(pauseMsMax);
    starting.push(Bun.sleep(awayMs).then(() => cluster.start(name)));
    await Bun.sleep(random.below(pauseMsMax));
  }
  await Promise.all(starting);
  return killed;
}

/** All that was stored for a person has come to it, once. */
async function arrived({ account, received, texts }: Person, stored: ReadonlyMap<bigint, string>): Promise<void> {
  const missing = (): bigint[] => [...stored.keys()].filter((id) => !texts.has(id));
  try {
    await until(() => missing().length === 0, `${account} has everything`, 60_000);
  } catch (cause) {
    const lost = missing().map((id) => `${id} (${stored.get(id)})`);
    throw new Error(`${account} never got ${lost.join(", ")}`, { cause });
  }
  for (const [id, text] of stored)
    if (texts.get(id) !== text) throw new Error(`${account} got ${id} as ${texts.get(id)}, and not as ${text}`);
  const doubled = received.find((id, at) => received.indexOf(id) !== at);
  if (doubled !== undefined) throw new Error(`${account} got ${doubled} (${texts.get(doubled)}) twice`);
}

/** In the order of ids each sender's numbers grow. */
function checkOrder({ account, texts }: Person): void {
  const last = new Map<string, number>();
  for (const [, text] of [...texts].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const [sender = "", number = ""] = text.split(" ");
    if (Number(number) <= (last.get(sender) ?? -1))
      throw new Error(`${account} got ${sender}'s ${number} after ${last.get(sender)}`);
    last.set(sender, Number(number));
  }
}
