// For tests of presence and signals: a chat service with the link of one gateway, whose store of people is a fake and
// whose time is the test's.

import { fromBinary } from "@bufbuild/protobuf";
import { membershipOf, type Store } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import { PresenceReqSchema, PresenceStatesSchema, SignalSchema } from "../../src/wire/gen/pkt_pb.ts";
import { app, chatLink, newer } from "../support/chat-link.ts";
import { FakePeople } from "../support/fake-people.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { talkStore } from "../support/talk-store.ts";
import type { Answer } from "../support/wire-client.ts";
import { stored } from "./conversation-stage.ts";

/** `account devices lastSeen` of each. */
export const shown = (body: Uint8Array): string[] =>
  fromBinary(PresenceStatesSchema, body).states.map(
    ({ account, devices, lastSeen }) => `${account} ${devices} ${lastSeen}`,
  );

export function presenceStage(
  values: Parameters<typeof chatLink>[1] = {},
  { members = ["ann", "bob", "cy"], ...overrides }: Parameters<typeof chatLink>[2] & { members?: string[] } = {},
) {
  const people = new FakePeople();
  const time = new ManualTimers();
  // Begins a minute, so that what a test does at once is in one: who was seen is told in minutes.
  time.wallAheadMs -= time.wallAheadMs % 60_000;
  let replaced = (): void => undefined;
  const store: Store = {
    ...talkStore(stored),
    people,
    membership: (_app, group) => {
      const version = people.groupVersions.get(group) ?? 10n;
      return Promise.resolve(membershipOf(version, members, [], version));
    },
    watchReplacement: (listener) => {
      const before = replaced;
      replaced = () => {
        before();
        listener();
      };
      return () => undefined;
    },
  };
  const link = chatLink(store, values, { clock: time, timers: time, ...overrides });
  const by = (channelId: string): readonly [string, string] => [channelId.replace(/\d*$/, ""), channelId];
  /** Signs in a connection; its account is its channel id without the number. */
  const online = (channelId: string): unknown => link.signIn(by(channelId)[0], channelId, newer);
  const offline = (channelId: string): unknown => link.sessions.remove(app, by(channelId)[0], channelId);
  const ask = (channelId: string, command: string, accounts: readonly string[]): Promise<Answer> =>
    link.request(by(channelId), command, PresenceReqSchema, { accounts: [...accounts] });
  return {
    ...link,
    people,
    time,
    online,
    offline,
    by,
    replaceStore: () => replaced(),
    watch: (channelId: string, ...accounts: string[]) => ask(channelId, Command.PresenceWatch, accounts),
    unwatch: (channelId: string, ...accounts: string[]) => ask(channelId, Command.PresenceUnwatch, accounts),
    signal: (channelId: string, init: { account?: string; group?: string; kind?: string; body?: string }) =>
      link.request(by(channelId), Command.Signal, SignalSchema, { kind: "typing", ...init }),
    /** What a connection was told of presence so far, a list for each push. */
    told: (channelId: string): string[][] =>
      link
        .pushes()
        .filter(({ command, channels }) => command === Command.PresenceChanged && channels.includes(channelId))
        .map(({ body }) => shown(body)),
    /** The connections that a command was pushed to so far, a sorted list for each push. */
    reached: (command: string): string[][] =>
      link
        .pushes()
        .filter((push) => push.command === command)
        .map(({ channels }) => channels.toSorted()),
    /** Lets a time pass that is more than the pause between two pushes. */
    pass: (ms = 1_100) => time.pass(ms, 100),
  };
}
