// Scenario `presence`: a thousand clients watch a hundred accounts each, which come and go, beside an open loop of
// talks. Latencies are from a sign-in or the end of a connection until a watcher is told, which happens once a second.
// In the end every watcher must hold what is true.

import { Command } from "../../src/wire/commands.ts";
import { GroupCreateReqSchema, GroupCreateRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ask, signInForConversations } from "../generator/conversation-client.ts";
import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import { Told, Visitor, VisitorWatcher } from "../generator/visitors.ts";
import type { Findings, Value } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { besideTalks, foundBeside } from "./beside-talks.ts";

const name = "presence";
const watchersDefault = 1_000;
const watchedDefault = 100;
/** Who has a group of up to 200 members in common with an account may watch it. */
const watchersOfGroup = 100;
/** Sign-ins and ends of connections a second: each is told to a hundred watchers. */
const changesDefault = 800;
const trialChanges = 40;
const talksBeside = 5_000;
const trialTalks = 500;
const sendersDefault = 50;
/** Sign-ins under way at once. */
const abreast = 50;
const paceMs = 1;
const lookMs = 20;

/** Some watchers and those whom they watch: one group. */
interface Circle {
  readonly watchers: readonly VisitorWatcher[];
  readonly visitors: readonly Visitor[];
}

/**
 * In the generator: `connections` (watchers), `members` (accounts that each of them watches), `messages` (sign-ins and
 * ends a second), and the `senders` and `rate` of the talks.
 */
export async function loadPresence(load: Load): Promise<Findings[]> {
  const { settings, tell } = load;
  const traffic = new Traffic({ audience: 0, until: "answered" });
  const lost = (reason: string): void => traffic.fail(`${reason} in the middle of the run`);
  const told = new Told((momentMs) => traffic.isMeasured(momentMs));
  const circles: Circle[] = [];
  try {
    await connectPairs(traffic, load, false);
    const count = Math.ceil(settings.connections / watchersOfGroup);
    for (let number = 0; number < count; number++) {
      circles.push(await circleOf(load, number, told, lost));
      tell("watching", (number + 1) / count);
    }
    const visitors = circles.flatMap((circle) => circle.visitors);
    const watchers = circles.flatMap((circle) => circle.watchers);
    let changes = 0;
    const talks = await besideTalks(traffic, load, async (isOver) => {
      changes = await comeAndGo(visitors, traffic, settings.messages, isOver);
    });
    const wrong = await settled(watchers, told, load);
    const seconds = (traffic.untilMs - traffic.fromMs) / 1_000;
    const fields: Record<string, Value> = {
      per_second: Math.round(told.measured / seconds),
      changes_per_second: Math.round(changes / seconds),
      watchers: watchers.length,
      watched: settings.members,
      repeated: told.repeated,
      synced: told.synced,
      wrong,
    };
    // What a process used is for talks and presence together.
    const { cpu_us_per_talk: _, ...found } = foundBeside(talks, told.latency, fields);
    const doubt = wrong > 0 ? `watchers hold ${wrong} states that are not true` : undefined;
    return [doubt === undefined ? found : { ...found, doubt, valid: false }];
  } finally {
    for (const { watchers, visitors } of circles) for (const one of [...watchers, ...visitors]) one.disconnect();
    traffic.disconnect();
  }
}

/** Signs watchers in, puts them into one group with the accounts that they watch, and lets them watch. */
async function circleOf(
  { target, settings }: Load,
  number: number,
  told: Told,
  lost: (reason: string) => void,
): Promise<Circle> {
  const { run, connections, members } = settings;
  const nameOf = (kind: string, index: number): string => `${kind}-${run}-${number}-${index}`;
  const visitors = await inBatches(members, abreast, (index) => Visitor.of(target, nameOf("visitor", index), lost));
  const count = Math.min(watchersOfGroup, connections - number * watchersOfGroup);
  const names = Array.from({ length: count }, (_, index) => nameOf("watcher", index));
  const owner = await signInForConversations(target, names[0] ?? "", { lost });
  const accounts = [...names.slice(1), ...visitors.map(({ account }) => account)];
  await ask(owner, Command.GroupCreate, [GroupCreateReqSchema, { name, members: accounts }], GroupCreateRespSchema);
  owner.disconnect();
  const watchers = await inBatches(count, abreast, async (index) => {
    const watcher = new VisitorWatcher(visitors, told, lost);
    await watcher.begin(target, names[index] ?? "");
    return watcher;
  });
  return { watchers, visitors };
}

/** Each account in turn comes, or leaves if it is there. Returns how many changes were due while it was measured. */
async function comeAndGo(
  visitors: readonly Visitor[],
  traffic: Traffic,
  perSecond: number,
  isOver: () => boolean,
): Promise<number> {
  const startMs = performance.now();
  let measured = 0;
  for (let number = 0; !isOver();) {
    const due = ((performance.now() - startMs) * perSecond) / 1_000;
    for (; number < due; number++) {
      const dueMs = startMs + (number * 1_000) / perSecond;
      const visitor = visitors[number % visitors.length];
      visitor?.change(dueMs).catch((error: unknown) => traffic.fail(String(error)));
      if (traffic.isMeasured(dueMs)) measured++;
    }
    await Promise.race([Bun.sleep(paceMs), traffic.failure]);
  }
  return measured;
}

/** Waits until every watcher holds what is true, or is told nothing any more; how many states are wrong then. */
async function settled(watchers: readonly VisitorWatcher[], told: Told, { settings, tell }: Load): Promise<number> {
  const fromMs = performance.now();
  for (;;) {
    const wrong = watchers.reduce((sum, watcher) => sum + watcher.wrong, 0);
    const quietMs = performance.now() - Math.max(told.heardMs, fromMs);
    if (wrong === 0 || quietMs > settings.drainQuietMs) return wrong;
    tell("settling", Math.min(1, quietMs / settings.drainQuietMs));
    await Bun.sleep(lookMs);
  }
}

export const presence: Scenario = {
  name,
  takesUrl: true,
  async run(bench) {
    const {
      isTrial,
      connections = watchersDefault,
      members = watchedDefault,
      senders = sendersDefault,
    } = bench.options;
    if (members > watchersOfGroup) throw new Error(`--members ${members}: each watches at most ${watchersOfGroup}`);
    const { rate = isTrial ? trialChanges : changesDefault } = bench.options;
    const settings = { connections, members, senders, messages: rate, rate: isTrial ? trialTalks : talksBeside };
    for (const transport of bench.transports.slice(0, 1)) {
      const all = connections + Math.ceil(connections / watchersOfGroup) * members + senders;
      bench.report(await bench.measure({ scenario: name, load: name, transport, connections: all, settings }));
    }
  },
};
