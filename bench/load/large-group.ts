// Scenario `large-group`: a group of 100,000, from its creation to its end, over the wire; and what its changes take of
// the writer's time, during which nothing else is committed (large-group-writer.ts).

import type { Bench, OnServer } from "../bench.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryRespSchema,
  GroupAddReqSchema,
  GroupAddRespSchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupDismissReqSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupJoinReqSchema,
  GroupJoinRespSchema,
  GroupRemoveReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  MessageReqSchema,
  MessageRespSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { ask, signInForConversations } from "../generator/conversation-client.ts";
import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import type { LoadClient } from "../generator/load-client.ts";
import { residentMb } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import { type Findings, resultOf } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { onPostgres, postgresMissing } from "../server/postgres.ts";
import { onTalkCluster } from "./cluster-talk.ts";

const name = "large-group";
const membersDefault = 100_000;
/** Pages are read of this many members first, and of all of them later. */
const smallerGroup = 10_000;
/** Accounts of one request. */
export const addedAtOnce = 1_000;
const pageMembers = 200;
const pagesDefault = 500;
/** Requests of each other kind. */
const requestsDefault = 200;
const removals = 10;
/** Sign-ins under way at once. */
const abreast = 50;

/** How many of what is asked. */
interface Counts {
  readonly members: number;
  readonly requests: number;
  readonly pages: number;
}

/** One who joins by itself. */
interface Newcomer {
  readonly account: string;
  readonly client: LoadClient;
}

/** In the generator: `members`, and `isTrial`. Throws when a request is refused or an answer is wrong. */
export async function loadLargeGroup({ target, settings, tell }: Load): Promise<Findings[]> {
  const { members, run, isTrial } = settings;
  const counts: Counts = isTrial
    ? { members, requests: 2, pages: 2 }
    : { members, requests: requestsDefault, pages: pagesDefault };
  const lost = (reason: string): void => {
    throw new Error(`${reason} in the middle of the run`);
  };
  const nameOf = (index: number): string => `member-${run}-${index}`;
  const newcomers = await inBatches(counts.requests, abreast, async (index) => {
    const account = `newcomer-${run}-${index}`;
    return { account, client: await signInForConversations(target, account, { lost }) };
  });
  const owner = await signInForConversations(target, nameOf(0), { lost });
  const group = new LargeGroup(owner, nameOf, target);
  try {
    await group.create(Math.min(addedAtOnce, members));
    await group.grow(Math.min(smallerGroup, members), tell);
    await group.readPages(counts.pages);
    await group.grow(members, tell);
    await group.readPages(counts.pages);
    tell("changing the group", 0);
    await group.talk("talk, the first", 1);
    await group.talk("talk", counts.requests);
    await group.join(newcomers);
    await group.changeRoles(counts.requests);
    await group.remove(isTrial ? 1 : removals);
    await group.dismiss();
    return group.findings;
  } finally {
    for (const client of [owner, ...newcomers.map((newcomer) => newcomer.client)]) client.disconnect();
  }
}

/** The group, as its owner changes it. */
class LargeGroup {
  readonly findings: Findings[] = [];
  private readonly owner: LoadClient;
  private readonly nameOf: (index: number) => string;
  private readonly target: Load["target"];
  private group = "";
  /** Of the accounts that were added; the owner is the first. */
  private members = 1;

  constructor(owner: LoadClient, nameOf: (index: number) => string, target: Load["target"]) {
    this.owner = owner;
    this.nameOf = nameOf;
    this.target = target;
  }

  create(members: number): Promise<void> {
    return this.measure("create", 1, async () => {
      const fields = { name, members: this.names(members - 1) };
      const { groupId, leftOut } = await ask(
        this.owner,
        Command.GroupCreate,
        [GroupCreateReqSchema, fields],
        GroupCreateRespSchema,
      );
      if (leftOut.length > 0) throw new Error(`${leftOut.length} accounts were left out of the group`);
      this.group = groupId;
      this.members = members;
    });
  }

  async grow(members: number, tell: Load["tell"]): Promise<void> {
    const missing = members - this.members;
    if (missing <= 0) return;
    await this.measure("add", Math.ceil(missing / addedAtOnce), async () => {
      const accounts = this.names(Math.min(addedAtOnce, members - this.members));
      const fields = { group: this.group, accounts };
      const { leftOut, unwilling } = await ask(
        this.owner,
        Command.GroupAdd,
        [GroupAddReqSchema, fields],
        GroupAddRespSchema,
      );
      if (leftOut.length + unwilling.length > 0) throw new Error("accounts could not be added to the group");
      this.members += accounts.length;
      tell("adding members", this.members / members);
    });
  }

  /** Pages of members, each after another place. */
  readPages(pages: number): Promise<void> {
    const limit = Math.min(pageMembers, this.members - 1);
    // Numbers of accounts rise in the order in which they were added, and the owner's is the lowest.
    const places = this.members - limit;
    return this.measure("members", pages, async (number) => {
      const after = this.nameOf((number * 7_919) % places);
      const request = { groupId: this.group, after, limit };
      const { members, memberCount } = await ask(
        this.owner,
        Command.GroupMembers,
        [GroupGetReqSchema, request],
        GroupGetRespSchema,
      );
      if (members.length !== limit || memberCount !== this.members)
        throw new Error(`a page of ${limit} of ${this.members} members has ${members.length} of ${memberCount}`);
    });
  }

  talk(operation: string, talks: number): Promise<void> {
    return this.measure(operation, talks, async (number) => {
      const body = `talk ${number}`.padEnd(100, "x");
      await ask(this.owner, Command.GroupTalk, [MessageReqSchema, { type: 1, body }], MessageRespSchema, this.group);
    });
  }

  /** Each of them joins by itself. */
  join(newcomers: readonly Newcomer[]): Promise<void> {
    return this.measure("join", newcomers.length, async (number) => {
      const newcomer = newcomers[number];
      if (newcomer === undefined) throw new Error("each newcomer is connected");
      const { client, account } = newcomer;
      await ask(client, Command.GroupJoin, [GroupJoinReqSchema, { groupId: this.group, account }], GroupJoinRespSchema);
    });
  }

  /** Members become admins, and members again. */
  changeRoles(changes: number): Promise<void> {
    return this.measure("role", changes, async (number) => {
      const role = number % 2 === 0 ? GroupRole.GroupRoleAdmin : GroupRole.GroupRoleMember;
      const account = this.nameOf(1 + Math.floor(number / 2));
      const fields = { group: this.group, account, role };
      await ask(this.owner, Command.GroupRole, [GroupRoleReqSchema, fields], EntryRespSchema);
    });
  }

  remove(requests: number): Promise<void> {
    return this.measure("remove", requests, async () => {
      const count = Math.min(addedAtOnce, this.members - 1);
      const accounts = Array.from({ length: count }, (_, index) => this.nameOf(this.members - 1 - index));
      await ask(
        this.owner,
        Command.GroupRemove,
        [GroupRemoveReqSchema, { group: this.group, accounts }],
        EntryRespSchema,
      );
      this.members -= count;
    });
  }

  dismiss(): Promise<void> {
    return this.measure("dismiss", 1, async () => {
      await ask(this.owner, Command.GroupDismiss, [GroupDismissReqSchema, { group: this.group }], EntryRespSchema);
    });
  }

  /** The next accounts to be added. */
  private names(count: number): string[] {
    return Array.from({ length: count }, (_, index) => this.nameOf(this.members + index));
  }

  private async measure(
    operation: string,
    requests: number,
    request: (number: number) => Promise<void>,
  ): Promise<void> {
    const latency = new Latency();
    const fromMs = performance.now();
    for (let number = 0; number < requests; number++) {
      const startMs = performance.now();
      await request(number);
      latency.record(startMs, performance.now());
    }
    this.findings.push({
      operation,
      members: this.members,
      asked: requests,
      seconds: (performance.now() - fromMs) / 1_000,
      ...latency.fields(),
      server_rss_mb: Math.max(0, ...residentMb(this.target)) || null,
      valid: true,
    });
  }
}

/** Over the wire. */
async function measureRequests(bench: Bench, server?: OnServer): Promise<void> {
  const { members = membersDefault } = bench.options;
  for (const transport of bench.transports.slice(0, 1)) {
    const plan = {
      scenario: name,
      load: name,
      transport,
      connections: requestsDefault + 1,
      settings: { members },
    } as const;
    bench.report(await bench.measure(server === undefined ? plan : { ...plan, server }));
  }
}

export const largeGroup: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { store, members = membersDefault } = bench.options;
    if (store !== undefined) {
      await measureRequests(bench, onTalkCluster(store));
      return;
    }
    await measureRequests(bench);
    await bench.measureAlone(`${name}-writer`, `${name}-writer`, { members });
    if (postgresMissing === undefined) await onPostgres((url) => measureRequests(bench, onTalkCluster(url)));
    else bench.report([resultOf(name, { store: "postgres", valid: true, skipped: postgresMissing })]);
  },
};
