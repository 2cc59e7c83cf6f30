// Scenario `guards`: what blocks and settings of the receivers cost a talk. Talks to receivers who let everybody write,
// to those who block others, and to those who let only write whom they have talked with, in turns on one server.

import { Command } from "../../src/wire/commands.ts";
import {
  AccountSettingsReqSchema,
  AccountSettingsSchema,
  AccountStateChangeSchema,
  BlockReqSchema,
  Consent,
  MessageReqSchema,
  MessageRespSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { ask, signInForConversations } from "../generator/conversation-client.ts";
import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs, receiverName, senderName } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import { median, medianError } from "../median.ts";
import type { Findings, Value } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const name = "guards";
const kinds = ["none", "blocks", "consent"] as const;
type Kind = (typeof kinds)[number];
/** Others whom a receiver blocks. */
const blockedEach = 10;
/** How long a turn measures, and what goes before. */
const turnSeconds = 1;
const turnWarmUpMs = 300;
/** How long turns are taken, of all kinds together. */
const secondsDefault = 120;
const sendersDefault = 50;
const windowDefault = 32;
/** Receivers that are prepared at once. */
const abreast = 20;

/** In the generator: turns of all kinds for `seconds`, `senders` and `window`. */
export async function loadGuards(load: Load): Promise<Findings[]> {
  const { seconds, isTrial } = load.settings;
  const turns = Math.max(1, Math.round(seconds / (kinds.length * (turnSeconds + turnWarmUpMs / 1_000))));
  const turnOf = (kind: Kind): Load => ({
    ...load,
    settings: {
      ...load.settings,
      run: `${load.settings.run}-${kind}`,
      ...(isTrial ? {} : { seconds: turnSeconds, warmUpMs: turnWarmUpMs }),
    },
  });
  for (const kind of kinds) await prepare(turnOf(kind), kind);
  const found = new Map<Kind, Findings[]>(kinds.map((kind) => [kind, []]));
  // The first turn of a server is slow.
  for (const kind of isTrial ? [] : kinds) await talkOnce(turnOf(kind));
  for (let turn = 0; turn < turns; turn++) {
    // Each comes first, in the middle and last as often as the others, and before each of them.
    const rotated = kinds.map((_, place) => kinds[(place + turn) % kinds.length] ?? "none");
    for (const kind of turn % 2 === 0 ? rotated : rotated.toReversed()) {
      found.get(kind)?.push(await talkOnce(turnOf(kind)));
      load.tell("talking in turns", (turn + 1) / turns);
    }
  }
  const bare = found.get("none") ?? [];
  return [...found].map(([kind, results]) => summary(kind, results, bare));
}

async function talkOnce(load: Load): Promise<Findings> {
  const traffic = new Traffic({ audience: 0, until: "answered" });
  try {
    await connectPairs(traffic, load, false);
    const [whole] = await runLoop(traffic, load);
    if (whole === undefined) throw new Error("the talks gave no result");
    return whole;
  } finally {
    traffic.disconnect();
  }
}

/** Makes the receivers of the pairs what they are to be. */
async function prepare({ target, settings: { run, senders } }: Load, kind: Kind): Promise<void> {
  const lost = (): void => undefined;
  if (kind === "none") return;
  await inBatches(senders, abreast, async (number) => {
    const account = receiverName(run, number);
    const client = await signInForConversations(target, account, { lost });
    if (kind === "blocks") {
      for (let index = 0; index < blockedEach; index++) {
        const blocked = `blocked-${run}-${index}`;
        await ask(client, Command.AccountBlock, [BlockReqSchema, { account: blocked }], AccountStateChangeSchema);
      }
    } else {
      const [sender, first] = [senderName(run, number), { type: 1, body: "hello" }];
      await ask(client, Command.UserTalk, [MessageReqSchema, first], MessageRespSchema, sender);
      const wish = { write: Consent.ConsentConversations };
      await ask(client, Command.AccountSettings, [AccountSettingsReqSchema, wish], AccountSettingsSchema);
    }
    client.disconnect();
  });
}

function summary(guards: Kind, results: readonly Findings[], bare: readonly Findings[]): Findings {
  const sum = (key: string): number => results.reduce((total, result) => total + Number(result[key]), 0);
  // More exact than the field of that name.
  const cpu = (result: Findings | undefined): number =>
    (Number(result?.["server_cpu"]) / Number(result?.["per_second"])) * 1e6;
  const ratios = results.map((result, turn) => cpu(result) / cpu(bare[turn]));
  const [first] = results;
  const fields: Record<string, Value> = {
    guards,
    turns: results.length,
    sent: sum("sent"),
    answered: sum("answered"),
    seconds: sum("seconds"),
    per_second: Math.round(sum("per_second") / results.length),
    p50_ms: median(results.map((result) => Number(result["p50_ms"]))),
    p99_ms: median(results.map((result) => Number(result["p99_ms"]))),
    max_ms: Math.max(...results.map((result) => Number(result["max_ms"]))),
    cpu_us_per_talk: median(results.map(cpu)),
    cpu_against_none: median(ratios),
    error: medianError(ratios),
  };
  const valid = results.every((result) => result.valid);
  const doubt = results.find((result) => !result.valid)?.["doubt"];
  const shown = { connections: first?.["connections"] ?? null, window: first?.["window"] ?? null };
  return { ...shown, ...fields, ...(valid ? {} : { doubt: doubt ?? null }), valid };
}

export const guards: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { senders = sendersDefault, window = windowDefault } = bench.options;
    const settings = { senders, window, seconds: bench.secondsOr(secondsDefault) };
    for (const transport of bench.transports.slice(0, 1))
      bench.report(await bench.measure({ scenario: name, load: name, transport, connections: senders, settings }));
  },
};
