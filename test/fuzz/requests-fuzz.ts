// Fuzzes all requests of clients: messages of every command with random fields, of which many are right, now and then
// with broken bytes, by several accounts at once, against a whole server in this process. Every request has to be
// answered, none by a failure of the server, and nobody's connection may end. Runs as a script,
// `bun test/fuzz/requests-fuzz.ts --seed 1 --seconds 600`, and a short while in the tests. Requests cross, so the same
// seed asks the same, and may be answered otherwise.

import { create, type DescField, type DescMessage, type Message, ScalarType, toBinary } from "@bufbuild/protobuf";
import { parseArgs } from "node:util";
import { type Log, silentLog } from "../../src/base/log.ts";
import { Command, type CommandName } from "../../src/wire/commands.ts";
import * as wire from "../../src/wire/gen/pkt_pb.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger } from "../support/messenger.ts";
import { Random } from "../support/random.ts";
import { type Answer, sentenceOf, type WireClient } from "../support/wire-client.ts";

const schemas: ReadonlyMap<CommandName, DescMessage> = new Map<CommandName, DescMessage>([
  [Command.UserTalk, wire.MessageReqSchema],
  [Command.GroupTalk, wire.MessageReqSchema],
  [Command.TalkAck, wire.MessageAckReqSchema],
  [Command.OfflineIndex, wire.MessageIndexReqSchema],
  [Command.OfflineContent, wire.MessageContentReqSchema],
  [Command.GroupCreate, wire.GroupCreateReqSchema],
  [Command.GroupJoin, wire.GroupJoinReqSchema],
  [Command.GroupQuit, wire.GroupQuitReqSchema],
  [Command.GroupMembers, wire.GroupGetReqSchema],
  [Command.GroupDetail, wire.GroupGetReqSchema],
  [Command.GroupList, wire.GroupListReqSchema],
  [Command.GroupUpdate, wire.GroupUpdateReqSchema],
  [Command.GroupAdd, wire.GroupAddReqSchema],
  [Command.GroupRemove, wire.GroupRemoveReqSchema],
  [Command.GroupRole, wire.GroupRoleReqSchema],
  [Command.GroupTransfer, wire.GroupTransferReqSchema],
  [Command.GroupMute, wire.GroupMuteReqSchema],
  [Command.GroupDismiss, wire.GroupDismissReqSchema],
  [Command.GroupAlias, wire.GroupAliasReqSchema],
  [Command.GroupPin, wire.GroupPinReqSchema],
  [Command.GroupUnpin, wire.GroupPinReqSchema],
  [Command.GroupPinned, wire.GroupPinnedReqSchema],
  [Command.GroupInvite, wire.GroupInviteReqSchema],
  [Command.GroupRevoke, wire.GroupRevokeReqSchema],
  [Command.GroupInvitations, wire.GroupInvitationsReqSchema],
  [Command.GroupRequest, wire.GroupRequestReqSchema],
  [Command.GroupRequests, wire.GroupRequestsReqSchema],
  [Command.GroupAnswer, wire.GroupAnswerReqSchema],
  [Command.ConversationList, wire.ConversationListReqSchema],
  [Command.ConversationRead, wire.ConversationReadReqSchema],
  [Command.ConversationSet, wire.ConversationSetReqSchema],
  [Command.ConversationClear, wire.ConversationClearReqSchema],
  [Command.History, wire.HistoryReqSchema],
  [Command.MessageEdit, wire.MessageEditReqSchema],
  [Command.MessageRecall, wire.MessageRecallReqSchema],
  [Command.MessageHide, wire.MessageHideReqSchema],
  [Command.MessageReact, wire.MessageReactReqSchema],
  [Command.MessageReaders, wire.MessageReadersReqSchema],
  [Command.MediaTicket, wire.MediaTicketReqSchema],
  [Command.AccountState, wire.AccountStateReqSchema],
  [Command.AccountBlock, wire.BlockReqSchema],
  [Command.AccountUnblock, wire.BlockReqSchema],
  [Command.AccountBlocked, wire.BlockedReqSchema],
  [Command.AccountSettings, wire.AccountSettingsReqSchema],
  [Command.AccountProfile, wire.ProfileReqSchema],
  [Command.AccountSetProfile, wire.ProfileSetReqSchema],
  [Command.Signal, wire.SignalSchema],
  [Command.PresenceWatch, wire.PresenceReqSchema],
  [Command.PresenceUnwatch, wire.PresenceReqSchema],
]);
const commands = [...schemas.keys()];
const accounts = ["ann", "bob", "cid", "dan", "eve"];
/** Requests of one round, which cross. */
const atOnce = 16;
/** Of what answers name, as much is remembered. */
const rememberedMax = 40;
const oddTexts = [
  "",
  " ",
  "a\u0000b",
  "\u202ex",
  "\ufffd",
  "\u{1f469}\u200d\u{1f467}",
  "*",
  "a,b",
  "https://example.org/a",
  "é".repeat(70),
];
const oddNumbers = [0n, 1n, -1n, 200n, 201n, 2n ** 31n - 1n, 2n ** 32n - 1n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)];

/** How often each outcome came: a fuzzer that reaches only one of them tests nothing. */
export interface RequestCounts {
  rounds: number;
  /** Commands that were answered with Success. */
  readonly done: Set<string>;
  readonly statuses: Map<number, number>;
}

/** Runs rounds while `goesOn(round)` is true. Rejects with the first failure; its message names seed and round. */
export async function fuzzRequests(seed: number, goesOn: (round: number) => boolean): Promise<RequestCounts> {
  const bugs: string[] = [];
  const noted = (sentence: string, fields: object = {}): void =>
    void bugs.push(`${sentence} ${JSON.stringify(fields)}`);
  const log: Log = { ...silentLog, error: noted };
  const many = 1_000_000;
  const limits = testLimits({
    ...{ groupChangesPerSecond: many, groupChangesAtOnce: many, membersAddedPerSecond: many, membersAddedAtOnce: many },
    ...{ peopleChangesPerSecond: many, peopleChangesAtOnce: many, invitationTriesAtOnce: many },
    ...{ mediaTicketsPerSecond: many, mediaTicketsAtOnce: many, mediaUnnamed: 10_000 },
    ...{ signalsPerSecond: many, signalsAtOnce: many, watchedPerSecond: many, watchedAtOnce: many },
  });
  const messenger = await Messenger.start({ log, limits, media: { kind: "folder" } });
  const counts: RequestCounts = { rounds: 0, done: new Set(), statuses: new Map() };
  const clients: WireClient[] = [];
  try {
    for (const account of accounts) clients.push(await newer(messenger, account));
    const requests = new RandomRequests(seed);
    for (let round = 0; goesOn(round); round++) {
      const asks = Array.from({ length: atOnce }, () => {
        const client = clients[requests.random.below(clients.length)];
        if (client === undefined) throw new Error("there are clients");
        const { command, dest, body } = requests.next();
        return { body, answer: client.requestBytes(command, dest, body) };
      });
      for (const { body, answer } of asks) {
        const { header, status, body: answered } = await answer;
        counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1);
        if (status === wire.Status.Success) counts.done.add(header.command);
        requests.learn(answered);
        if (isFailure(status) || bugs.length > 0) {
          const sentence = status === wire.Status.Success ? "" : sentenceOf({ header, status, body: answered });
          const asked = Buffer.from(body).toString("hex");
          throw new Error(
            `seed ${seed}, round ${round}: ${header.command} ${asked} is ${status} ${sentence} ${bugs.join("; ")}`,
          );
        }
      }
      counts.rounds++;
    }
  } finally {
    for (const client of clients) client.terminate();
    await messenger.stop();
  }
  return counts;
}

async function newer(messenger: Messenger, account: string): Promise<WireClient> {
  const client = await messenger.stranger();
  const body = { token: await messenger.token(account), device: "phone", features: ["conversations"] };
  const answer: Answer = await client.request(Command.SignIn, "", wire.LoginReqSchema, body);
  if (answer.status !== wire.Status.Success) throw new Error(`${account} cannot sign in: ${sentenceOf(answer)}`);
  return client;
}

/** The server's fault: not that too much is asked. */
function isFailure(status: number): boolean {
  return status === wire.Status.SystemException || status === wire.Status.NotImplemented || status >= 400;
}

class RandomRequests {
  readonly random: Random;
  /** Ids of groups and codes, and ids of messages, which answers have named. */
  private readonly names: string[] = [];
  private readonly ids: bigint[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): { readonly command: CommandName; readonly dest: string; readonly body: Uint8Array } {
    const { random } = this;
    // Without messages and groups most else is refused.
    const usual = [Command.UserTalk, Command.GroupTalk, Command.GroupCreate, Command.GroupAdd];
    const command = (random.once(4) ? usual : commands)[random.below(random.once(4) ? 4 : commands.length)];
    const schema = command === undefined ? undefined : schemas.get(command);
    if (command === undefined || schema === undefined) return this.next();
    const body = toBinary(schema, this.message(schema));
    const dest = command === Command.GroupTalk ? this.name() : command === Command.UserTalk ? this.account() : "";
    return { command, dest, body: random.once(20) ? this.broken(body) : body };
  }

  /** Remembers what an answer names: runs of letters as long as ids and codes, and numbers as large as ids. */
  learn(body: Uint8Array): void {
    for (const [name] of Buffer.from(body)
      .toString("latin1")
      .matchAll(/[0-9A-Za-z]{22}/g))
      keep(this.names, name);
    if (body[0] !== 0x08) return;
    let id = 0n;
    for (const [at, byte] of body.subarray(1, 10).entries()) {
      id |= BigInt(byte & 0x7f) << BigInt(7 * at);
      if (byte < 0x80) break;
    }
    if (id > 2n ** 40n) keep(this.ids, id);
  }

  private message(schema: DescMessage): Message {
    const { random } = this;
    const fields: Record<string, unknown> = {};
    for (const field of schema.fields) {
      // Most files are none that the sender has uploaded.
      const isRare = field.localName === "media" && !random.once(6);
      if (!isRare && !random.once(4)) fields[field.localName] = this.value(field);
    }
    // One of an account and a group names a conversation.
    if ("account" in fields && "group" in fields && random.once(2))
      Reflect.deleteProperty(fields, random.once(2) ? "account" : "group");
    return create(schema, fields);
  }

  private value(field: DescField): unknown {
    const { random } = this;
    switch (field.fieldKind) {
      case "list": {
        const length = random.once(40) ? 1_001 : random.below(4);
        return Array.from({ length }, () => this.scalar(field.localName, field.scalar ?? ScalarType.STRING));
      }
      case "scalar":
        return this.scalar(field.localName, field.scalar);
      case "enum":
        return random.below(5);
      case "message":
        return this.message(field.message);
      default:
        throw new Error(`no request has such a field: ${field.localName}`);
    }
  }

  private scalar(name: string, type: ScalarType): unknown {
    switch (type) {
      case ScalarType.BOOL:
        return this.random.once(3);
      case ScalarType.INT64:
        return this.number();
      case ScalarType.INT32:
        return this.random.once(8) ? -1 : this.random.below(220);
      case ScalarType.UINT32:
        return this.random.once(8) ? 2 ** 32 - 1 : this.random.below(220);
      case ScalarType.STRING:
        return this.text(name);
      default:
        throw new Error(`no request has such a field: ${name}`);
    }
  }

  private text(name: string): string {
    const { random } = this;
    if (random.once(12)) return random.once(10) ? "x".repeat(20_000) : (oddTexts[random.below(oddTexts.length)] ?? "");
    if (/^(account|accounts|members|mentions|after)$/.test(name)) return this.account();
    if (/^(group|groupId|code|media|id)$/.test(name)) return this.name();
    if (name === "type") return random.once(4) ? "no type" : `a/b${random.below(9)}`;
    return `${name} ${random.below(50)}`;
  }

  private account(): string {
    const { random } = this;
    return random.once(10) ? `stranger${random.below(100)}` : (accounts[random.below(accounts.length)] ?? "");
  }

  private name(): string {
    return this.names[this.random.below(this.names.length + 1)] ?? "";
  }

  private number(): bigint {
    const { random } = this;
    if (random.once(5)) return oddNumbers[random.below(oddNumbers.length)] ?? 0n;
    return this.ids[random.below(this.ids.length + 1)] ?? 0n;
  }

  private broken(body: Uint8Array): Uint8Array {
    const { random } = this;
    if (random.once(3)) return body.subarray(0, random.below(body.length + 1));
    const other = Uint8Array.from(body);
    if (other.length > 0) other[random.below(other.length)] = random.u32();
    return other;
  }
}

function keep<Item>(items: Item[], item: Item): void {
  if (items.includes(item)) return;
  items.push(item);
  if (items.length > rememberedMax) items.shift();
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seed: { type: "string" }, seconds: { type: "string", default: "60" } } });
  const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed);
  const seconds = Number(values.seconds);
  if (!Number.isSafeInteger(seed) || !(seconds > 0)) {
    console.error("usage: bun test/fuzz/requests-fuzz.ts [--seed <whole number>] [--seconds <number above 0>]");
    process.exit(2);
  }
  console.log(`seed ${seed}, ${seconds} s`);
  const end = performance.now() + seconds * 1000;
  const { rounds, done, statuses } = await fuzzRequests(seed, () => performance.now() < end);
  console.log(JSON.stringify({ seed, rounds, done: done.size, statuses: Object.fromEntries(statuses) }));
}
