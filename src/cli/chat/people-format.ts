// Formats accounts with what they show of themselves.

import { quotedText } from "../../base/printable.ts";
import type { GroupMember, Presence } from "../../sdk/community/community-types.ts";
import type { Community } from "../../sdk/community/community.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { accountText, nameList, timeText } from "./format.ts";

/** How long presence is waited for, in milliseconds. */
const presenceMs = 2_000;

interface Person {
  /** Names of profiles. */
  readonly name: string;
  /** Undefined: nothing is known. */
  readonly presence: Presence | undefined;
}

/** Asks for names and presence; what cannot be had is left out. At most 1,000 accounts. */
export async function peopleOf(community: Community, accounts: readonly string[]): Promise<Map<string, Person>> {
  const watch = community.presence.watch(accounts);
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, presenceMs);
  // Whoever is not told of has no presence to show: it may be turned off.
  const told = Promise.race([watch.ready().catch(() => undefined), late.promise]);
  try {
    const profiles = await community.profiles.load(accounts).catch(() => new Map<string, { readonly name: string }>());
    await told;
    const { states } = watch;
    return new Map(
      accounts.map((account) => [account, { name: profiles.get(account)?.name ?? "", presence: states.get(account) }]),
    );
  } finally {
    clearTimeout(timer);
    watch.close();
  }
}

/** Formats `online`, `online on 2 devices`, `last seen 12:30`, or `not seen`; '' if nothing is known. */
function presenceText(presence: Presence | undefined): string {
  if (presence === undefined) return "";
  const { isOnline, devices, lastSeen } = presence;
  if (isOnline) return devices > 1 ? `online on ${devices} devices` : "online";
  return lastSeen === undefined ? "not seen" : `last seen ${timeText(lastSeen)}`;
}

/** Formats `ann "Ann Lee" (owner, online)`. */
export function personText(account: string, { name, presence }: Person, marks: readonly string[] = []): string {
  const all = [...marks, presenceText(presence)].filter((mark) => mark !== "");
  return `${accountText(account, name)}${all.length === 0 ? "" : ` (${all.join(", ")})`}`;
}

/** What stands beside a member: its role, its name in the group, until when it is muted. `now`: since 1970, in ms. */
export function memberMarks({ role, alias, mutedUntil }: GroupMember, now: number): string[] {
  return [
    ...(role === "member" ? [] : [role]),
    ...(alias === "" ? [] : [`here ${quotedText(alias)}`]),
    ...(mutedUntil !== undefined && mutedUntil.getTime() > now ? [`muted until ${timeText(mutedUntil)}`] : []),
  ];
}

/** Names those who type in a conversation, for the prompt; '' if nobody does. */
export function typingText(community: Community, partner: Partner): string {
  const typists = community.typists(partner);
  if (typists.length === 0) return "";
  if ("account" in partner) return "is typing";
  return `${nameList(typists, 2)} ${typists.length === 1 ? "is" : "are"} typing`;
}
