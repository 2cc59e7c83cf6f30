// What the pictures show beside the traffic of `roost demo`: some of its people talk with the reader in a fixed order.
// All of it goes through the server, by the client library.

import { Community } from "../../src/sdk/community/community.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import type { Partner } from "../../src/sdk/messenger/messenger-types.ts";

/** Whose window is shown. */
export const reader = { account: "sam", name: "Sam Keller" };
/** The group that the large pictures show; the demo makes it. */
export const groupName = "Release 2.4";
/** What is seen when all of a conversation is there. */
export const lastLines = { group: "See you at three 👋", direct: "It's on your desk" };

/** What the reader has left unread in the demo's groups, and of one who has written in private; and what is muted. */
const unreadOf: Readonly<Record<string, number>> = { Everybody: 3, "Lunch 🍜": 1, "Hiking club": 5 };
const mutedGroup = "Hiking club";
const unreadDirect = 2;

/** Who talks besides the reader. */
const othersCount = 3;

/** Speakers by number; the reader is 0. */
interface Line {
  readonly by: number;
  readonly text: string;
  /** The line that it answers, by its place. */
  readonly answers?: number;
  readonly mentionsReader?: boolean;
  readonly reactions?: readonly (readonly [by: number, sign: string])[];
  /** The text that it gets afterwards. */
  readonly edited?: string;
}

const groupLines: readonly Line[] = [
  { by: 1, text: "The release notes are ready for review. Two questions are left, both at the end." },
  { by: 2, text: "Reading them now", reactions: [[1, "🙏"]] },
  {
    by: 0,
    text: "The guide for upgrades misses the new options. I'll write that part today",
    answers: 0,
    reactions: [
      [1, "👍"],
      [2, "👍"],
      [3, "❤️"],
    ],
  },
  { by: 3, text: "@sam could you mention the backup, too? Somebody asks every time", mentionsReader: true },
  {
    by: 0,
    text: "Done, with an example: https://example.com/upgrade#backup",
    answers: 3,
    reactions: [
      [3, "🎉"],
      [1, "🎉"],
      [0, "🎉"],
    ],
  },
  { by: 3, text: "That was quick!" },
  {
    by: 1,
    text: "Then it's Thursday, noon",
    edited: "Then it's Thursday at noon, as planned ✅",
    reactions: [[2, "👍"]],
  },
  { by: 2, text: "Last look at the demo this afternoon? I can share my screen" },
  { by: 0, text: lastLines.group, answers: 7, reactions: [[2, "👋"]] },
];

const directLines: readonly Line[] = [
  { by: 1, text: "Morning! Are you in the office today?" },
  { by: 0, text: "From ten on. Shall I bring something from the bakery?" },
  { by: 1, text: "Two of those with cinnamon, please 🥐", reactions: [[0, "👍"]] },
  { by: 0, text: "They had only one left 🙈", answers: 2, reactions: [[1, "🤣"]] },
  { by: 1, text: "Then we share" },
  { by: 0, text: "Have you seen my charger, by the way? I thought that it was in the small meeting room" },
  { by: 1, text: "I took it along yesterday, to be safe" },
  { by: 1, text: lastLines.direct, answers: 5, reactions: [[0, "🙏"]] },
  { by: 0, text: "You're the best. Lunch at half past twelve?" },
  { by: 1, text: "Yes, the usual place 🍜" },
];

/** Signs an account of the demo in, on a device of its own. */
export type Enter = (account: string) => Promise<Messenger>;

/** Returns an `Enter` for a server, by its `ws://` URL, and what closes all that it has opened. */
export function entrance(
  url: string,
  tokenOf: (account: string) => Promise<string>,
): { readonly enter: Enter; readonly leave: () => Promise<void> } {
  const clients: Messenger[] = [];
  return {
    async enter(account) {
      const token = (): Promise<string> => tokenOf(account);
      const client = await Messenger.connect({ url, token, device: "stage" }, Community.of);
      clients.push(client);
      return client;
    },
    async leave() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

/** Lets some of the group talk with the reader, there and one in private. Returns the name of the latter. */
export async function play(enter: Enter): Promise<string> {
  const me = await enter(reader.account);
  const community = Community.of(me);
  await community.setProfile({ name: reader.name });
  await Promise.all([me.conversations.ready(), community.groups.ready()]);
  const found = community.groups.items.find(({ name }) => name === groupName);
  if (found === undefined) throw new Error(`roost demo has made no group "${groupName}"`);
  const group = { group: found.id };
  const pages = await Array.fromAsync(community.group(found.id).members());
  const members = pages.flatMap((page) => page.members.map(({ account }) => account));
  const named = members.filter((account) => account !== reader.account).toSorted();
  const others = await Promise.all(named.slice(0, othersCount).map(enter));
  await talk(groupLines, [me, ...others], () => group);
  const friend = others.at(-1) ?? me;
  await talk(directLines, [me, friend], (speaker) => ({ account: speaker === me ? friend.account : me.account }));
  await me.conversation(group).pin();
  await leaveUnread(me, community);
  const profile = (await community.profiles.load([friend.account])).get(friend.account);
  return profile?.name ?? friend.account;
}

/** The reader reads what the demo's people have written, but for the newest messages of some conversations. */
async function leaveUnread(me: Messenger, community: Community): Promise<void> {
  const names = new Map(community.groups.items.map(({ id, name }) => [id, name]));
  const strangers = me.conversations.items.filter(({ partner, unread }) => "account" in partner && unread > 0);
  const writer = strangers.map(({ key }) => key).toSorted()[0];
  for (const { partner, key, unread } of me.conversations.items) {
    if (unread === 0) continue;
    const name = "group" in partner ? (names.get(partner.group) ?? "") : "";
    const conversation = me.conversation(partner);
    const left = key === writer ? unreadDirect : (unreadOf[name] ?? 0);
    const { value: page } = await conversation.history({ limit: left + 1 }).next();
    await conversation.markRead(page?.messages[0]?.id);
    if (name === mutedGroup) await conversation.mute();
  }
}

async function talk(
  lines: readonly Line[],
  speakers: readonly Messenger[],
  partnerOf: (speaker: Messenger) => Partner,
): Promise<void> {
  const speaker = (by: number): Messenger => {
    const found = speakers[by];
    if (found === undefined) throw new Error(`speaker ${by} is not among the ${speakers.length} of the group`);
    return found;
  };
  const ids: bigint[] = [];
  for (const { by, text, answers, mentionsReader = false, reactions = [], edited } of lines) {
    const client = speaker(by);
    const partner = partnerOf(client);
    const mentions = mentionsReader ? [reader.account] : [];
    const draft = { body: text, mentions, replyTo: answers === undefined ? 0n : (ids[answers] ?? 0n) };
    const { id } = await ("group" in partner
      ? client.talkToGroup(partner.group, draft)
      : client.talkToUser(partner.account, draft));
    ids.push(id);
    for (const [who, sign] of reactions) await speaker(who).react(id, sign);
    if (edited !== undefined) await client.edit(id, { body: edited });
    for (const each of speakers) await each.conversation(partnerOf(each)).markRead(id);
  }
}
