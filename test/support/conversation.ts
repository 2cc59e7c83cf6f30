// People talk at all gateways of a cluster while something happens to its processes: what was said to be stored must be
// in its receiver's index and reach it, exactly once, in the order of each sender; every request is answered, and
// nobody is signed out for good.

import { RoostClient } from "../../src/sdk/roost-client.ts";
import type { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import type { Random } from "./random.ts";
import { until } from "../../scripts/harness/until.ts";

export interface Conversation {
  readonly cluster: ProcessCluster;
  readonly random: Random;
  readonly clients: number;
  /** Everybody is in one group, to which every fourth talk goes, and asks for its members now and then. */
  readonly hasGroup?: boolean;
  /** What happens while people talk, who stop when it has happened. */
  readonly meanwhile: (talks: Talks) => Promise<void>;
  /**
   * How long a client waits for an answer, and for its gateway to come back. Default: 5 s, so that answers that a
   * killed process owes are given up soon.
   */
  readonly requestTimeoutMs?: number;
}

/** Longer than a gateway takes to start again on a busy machine: no talk is refused because of the time. */
const restartMsMax = 60_000;

export interface Talks {
  /** Talks that were answered with Success so far. */
  readonly stored: number;
  /** Why others were not, the client's own tries included. */
  readonly refusals: readonly string[];
}

/** Several of the longest waits of a client whose gateway has ended again and again (`backOffMsMax`). */
const patienceMs = 120_000;
const groupEvery = 4;
const membersEvery = 10;

/** One person: what was said to it, and what of that has come. */
class Person {
  readonly account: string;
  readonly client: RoostClient;
  /** Ids of what came, in the order of coming; the text by id. */
  readonly received: bigint[] = [];
  readonly texts = new Map<bigint, string>();
  /** The id of each talk to it that was answered with Success, and what it said. */
  readonly stored = new Map<bigint, string>();
  /** Why its client gave up, if it did. */
  ending: string | undefined;

  private constructor(account: string, client: RoostClient) {
    this.account = account;
    this.client = client;
    client.on("message", ({ id, sender, body }) => {
      this.received.push(id);
      this.texts.set(id, `${sender} ${body}`);
    });
    client.on("offline", ({ reason, returnsInMs }) => {
      if (returnsInMs === undefined) this.ending ??= `${reason.code} ${reason.text}`;
    });
  }

  static async enter(
    cluster: ProcessCluster,
    account: string,
    gateway: string,
    requestTimeoutMs: number,
  ): Promise<Person> {
    const options = { url: `tcp://${gateway}`, token: () => cluster.token(account), requestTimeoutMs };
    return new Person(account, await RoostClient.connect(options));
  }

  /** Throws unless its index lists all that was stored for it, and nothing twice. */
  async checkIndex(): Promise<void> {
    const listed: bigint[] = [];
    for (let after: bigint | undefined = 1n; after !== undefined; after = listed.at(-1)) {
      const from = after;
      const page = await patiently(() => this.client.index(from, false));
      if (page.length === 0) break;
      listed.push(...page.map(({ messageId }) => messageId));
    }
    const ids = new Set(listed);
    if (ids.size !== listed.length) throw new Error(`${this.account}'s index lists something twice`);
    const missing = [...this.stored].filter(([id]) => !ids.has(id)).map(([id, text]) => `${id} (${text})`);
    if (missing.length > 0) throw new Error(`${this.account}'s index lacks ${missing.join(", ")}`);
    // What it said to itself is known where it was said, and pushed to other devices only. It does not count as
    // received: the client may come upon it, too, while it catches up.
    const unheard = listed.filter((id) => !this.texts.has(id) && this.stored.get(id)?.startsWith(`${this.account} `));
    for (const { messageId, body } of await patiently(() => this.client.contents(unheard))) {
      this.texts.set(messageId, `${this.account} ${body}`);
    }
  }

  /** Throws unless all that was stored for it comes to it, once. */
  async checkArrivals(): Promise<void> {
    const { account, received, stored, texts } = this;
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

  /**
   * Throws unless each sender's numbers grow in the order of ids: a talk that was stored again under another id does
   * not.
   */
  checkOrder(): void {
    const last = new Map<string, number>();
    for (const [, text] of [...this.texts].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      const [sender = "", number = ""] = text.split(" ");
      if (Number(number) <= (last.get(sender) ?? -1))
        throw new Error(`${this.account} got ${sender}'s ${number} after ${last.get(sender)}`);
      last.set(sender, Number(number));
    }
  }
}

/**
 * Ten people talk, also in a group, while `restarts` starts processes again one after the other, which it does once
 * `goOn` resolves. Throws if anything was lost, or any talk refused.
 */
export async function talkThroughRestarts(
  cluster: ProcessCluster,
  random: Random,
  restarts: (goOn: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { refusals } = await converse({
    cluster,
    random,
    clients: 10,
    hasGroup: true,
    requestTimeoutMs: restartMsMax,
    meanwhile: async (soFar) => {
      const goOn = async (): Promise<void> => {
        const { stored } = soFar;
        await until(() => soFar.stored > stored + 30, "talks go on");
      };
      await restarts(goOn);
      await goOn();
    },
  });
  if (refusals.length > 0) throw new Error(`refused: ${refusals.join("; ")}`);
}

/** Asks again for a while: a connection whose gateway has just ended is only coming back. */
export async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (const endMs = performance.now() + patienceMs; ;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await Bun.sleep(100);
    }
  }
}

/** Runs it; throws an Error that says what was lost, doubled, out of order or not answered. */
export async function converse({
  cluster,
  random,
  clients,
  hasGroup,
  meanwhile,
  requestTimeoutMs = 5_000,
}: Conversation): Promise<Talks> {
  const { gateways } = cluster;
  const people = await Promise.all(
    Array.from({ length: clients }, (_, at) =>
      Person.enter(cluster, `person${at}`, gateways[at % gateways.length]?.tcp ?? "", requestTimeoutMs),
    ),
  );
  try {
    const members = people.map(({ account }) => account);
    const group = hasGroup === true ? await people[0]?.client.createGroup({ name: "all", members }) : undefined;
    const talks = { stored: 0, refusals: Array<string>() };
    const time = { isUp: false };
    const talking = people.map(async (person) => {
      for (let number = 0; !time.isUp; number++) {
        if (group !== undefined && number % membersEvery === membersEvery - 1) {
          const { length } = await patiently(() => person.client.members(group));
          if (length !== clients) throw new Error(`the group has ${length} members`);
        }
        const receiver = people[random.below(people.length)];
        const toGroup = number % groupEvery === 0 ? group : undefined;
        try {
          if (toGroup !== undefined) {
            const { id } = await person.client.talkToGroup(toGroup, { body: `${number}` });
            for (const other of people) if (other !== person) other.stored.set(id, `${person.account} ${number}`);
          } else {
            const { id } = await person.client.talkToUser(receiver?.account ?? "", { body: `${number}` });
            receiver?.stored.set(id, `${person.account} ${number}`);
          }
          talks.stored++;
        } catch (error) {
          // Refused, or nobody answered in time: an answer, too. It may have been stored all the same.
          talks.refusals.push(`${person.account} ${number}: ${String(error)}`);
        }
        await Bun.sleep(10 + random.below(40));
      }
    });
    try {
      await meanwhile(talks);
    } finally {
      time.isUp = true;
    }
    await Promise.all(talking);
    await cluster.ready();
    for (const person of people) {
      await person.checkIndex();
      await person.checkArrivals();
    }
    for (const person of people) {
      person.checkOrder();
      if (person.ending !== undefined) throw new Error(`${person.account} was signed out for good: ${person.ending}`);
    }
    return talks;
  } finally {
    await Promise.all(people.map(({ client }) => client.close()));
  }
}
