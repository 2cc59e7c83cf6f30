// The members of a group: pages of them, a search, and what may be done with each.

import { useSignal } from "@preact/signals";
import type { GroupMember } from "../../sdk/community/community.ts";
import type { Partner } from "../../sdk/messenger/messenger.ts";
import { byRank, type GroupDetails } from "../state/group-details.ts";
import { exactTimeOf, listOf, texts } from "../texts/texts.ts";
import { Avatar } from "./avatar.tsx";
import { useChat } from "./context.ts";
import type { Form } from "./dialog.tsx";
import { Menu, type MenuItem } from "./menu.tsx";
import { Section } from "./section.tsx";

/** Rows that are in the document, whatever is loaded. */
const rowsMax = 200;
/** How long members are muted, in hours. */
const muteHours = [1, 24, 168];

interface MembersProps {
  readonly state: GroupDetails;
  readonly onAsk: (form: Form) => void;
  readonly onOpen: (partner: Partner) => void;
}

export function Members({ state, onAsk, onOpen }: MembersProps) {
  const chat = useChat();
  const t = texts();
  const wanted = useSignal("");
  const shownMax = useSignal(rowsMax);
  const sought = wanted.value.trim().toLocaleLowerCase();
  const found = byRank(state.members.value).filter(({ account, alias }) =>
    [account, alias, chat.people.nameOf(account)].some((text) => text.toLocaleLowerCase().includes(sought)),
  );
  const count = state.detail.value?.memberCount ?? 0;
  const add: Form = {
    title: t.addMembers,
    action: t.addMembers,
    fields: [{ name: "accounts", label: t.accounts, isRequired: true }],
    onSubmit: async (of) => {
      const { unwilling, leftOut } = await state.group.add(accountsIn(of("accounts")));
      const others = [...unwilling, ...leftOut];
      state.fault.value = others.length > 0 ? t.notAdded(listOf(others)) : "";
    },
  };
  return (
    <Section title={t.members(count)}>
      {state.isAdmin && (
        <button type="button" class="quiet wide" onClick={() => onAsk(add)}>
          {t.addMembers}
        </button>
      )}
      {(state.hasMore.value || state.members.value.length > 10) && (
        <input
          type="search"
          placeholder={t.findMember}
          aria-label={t.findMember}
          onInput={(event) => {
            wanted.value = event.currentTarget.value;
            if (state.hasMore.peek()) void state.loadMore(true);
          }}
        />
      )}
      <ul>
        {found.slice(0, shownMax.value).map((member) => (
          <Member key={member.account} {...{ state, member, onAsk, onOpen }} />
        ))}
      </ul>
      {sought !== "" && found.length === 0 && <p class="hint">{t.nothingFound}</p>}
      {(state.hasMore.value || found.length > shownMax.value) && (
        <button
          type="button"
          class="quiet wide"
          onClick={() => {
            shownMax.value += rowsMax;
            if (found.length < shownMax.value && state.hasMore.value) void state.loadMore();
          }}
        >
          {t.loadMore}
        </button>
      )}
    </Section>
  );
}

interface MemberProps extends MembersProps {
  readonly member: GroupMember;
}

function Member(props: MemberProps) {
  const { member, onOpen } = props;
  const chat = useChat();
  const t = texts();
  const { account, alias, role, mutedUntil } = member;
  const name = alias || chat.people.nameOf(account);
  const isMuted = mutedUntil !== undefined && mutedUntil.getTime() > Date.now();
  const isOnline = chat.people.presence.value.get(account)?.isOnline === true;
  return (
    <li class="entry">
      <Avatar id={`u:${account}`} name={name} isOnline={isOnline} />
      <span class="entry-text">
        <bdi title={account}>{name}</bdi>
        <small>
          {account === chat.me ? `${t.you}, ` : ""}
          {t.roles[role]}
          {isMuted && `, ${t.mutedUntil(exactTimeOf(mutedUntil.getTime()))}`}
        </small>
      </span>
      {account !== chat.me && (
        <Menu
          label={t.memberMenu(name)}
          icon="more"
          items={[{ label: t.talkTo, act: () => onOpen({ account }) }, ...itemsOf(props, name, isMuted)]}
        />
      )}
    </li>
  );
}

/** What the role of this account lets it do with a member: an owner with all others, an admin with plain members. */
function itemsOf({ state, member, onAsk }: MemberProps, name: string, isMuted: boolean): readonly MenuItem[] {
  const t = texts();
  const { account, role } = member;
  const { group } = state;
  const mine = state.detail.value?.role;
  const isOwner = mine === "owner";
  if (!isOwner && !(mine === "admin" && role === "member")) return [];
  const item = (label: string, work: () => Promise<unknown>): MenuItem => ({
    label,
    act: () => void state.attempt(work),
  });
  const asked = (label: string, hint: string, onSubmit: () => Promise<unknown>): MenuItem => ({
    label,
    act: () => onAsk({ title: `${label}: ${name}`, action: label, hint, onSubmit }),
  });
  const until = (hours: number): Date => new Date(Date.now() + hours * 3_600_000);
  return [
    ...(isMuted
      ? [item(t.endMute, () => group.mute(account, undefined))]
      : muteHours.map((hours) => item(t.muteFor(hours), () => group.mute(account, until(hours))))),
    ...(isOwner
      ? [
          role === "admin"
            ? item(t.demote, () => group.setRole(account, "member"))
            : item(t.promote, () => group.setRole(account, "admin")),
          asked(t.transfer, t.transferHint(name), () => group.transfer(account)),
        ]
      : []),
    asked(t.removeMember, t.removeHint(name), () => group.remove([account])),
  ];
}

/** Accounts that somebody has written one after the other. */
export function accountsIn(text: string): readonly string[] {
  return [...new Set(text.split(/[\s,，、;]+/u).filter(Boolean))];
}
