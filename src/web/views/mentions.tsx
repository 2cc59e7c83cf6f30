// Completes the accounts of a group behind an @.

import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { Room } from "../state/room.ts";
import { useChat } from "./context.ts";
import { texts } from "../texts/texts.ts";
import { Avatar } from "./avatar.tsx";
import { useNow } from "./use-now.ts";

/** Those that are offered at a time, and the protocol's bound on those of a message. */
const offeredMax = 6;
const mentionsMax = 50;

/** The members of a group, the first page of them, from when somebody is first asked for. */
export function useMembers(room: Room, asked: ReadonlySignal<string | undefined>): ReadonlySignal<readonly string[]> {
  const chat = useChat();
  const members = useSignal<readonly string[]>([]);
  const isRead = useComputed(() => asked.value !== undefined);
  useNow(() => {
    const { partner } = room;
    if (!isRead.value || !("group" in partner) || members.peek().length > 0) return;
    void room.attempt(async () => {
      for await (const page of chat.community.group(partner.group).members()) {
        members.value = page.members.map(({ account }) => account);
        return;
      }
    });
  });
  return members;
}

/** The accounts that a text mentions: members behind an @, and everybody (`*`) where the owner writes it. */
export function mentionsIn(body: string, { partner }: Room, members: readonly string[]): readonly string[] {
  if (!("group" in partner)) return [];
  const named = Array.from(body.matchAll(/(?<![\w@])@([\w.-]*\w)/gu), ([, account = ""]) => account);
  return [...new Set(named)].filter((account) => members.includes(account)).slice(0, mentionsMax);
}

interface CompletionProps {
  readonly asked: Signal<string | undefined>;
  readonly members: ReadonlySignal<readonly string[]>;
  /** Is given what takes keys from the field; it returns whether it took one. */
  readonly keys: { current: (event: KeyboardEvent) => boolean };
  readonly onPick: (account: string) => void;
}

export function Completion({ asked, members, keys, onPick }: CompletionProps) {
  const chat = useChat();
  const at = useSignal(0);
  useNow(() => {
    void asked.value;
    at.value = 0;
  });
  const wanted = asked.value?.toLocaleLowerCase();
  const offered =
    wanted === undefined
      ? []
      : members.value
          .filter((account) => account !== chat.me)
          .filter((account) => `${account} ${chat.people.nameOf(account)}`.toLocaleLowerCase().includes(wanted))
          .slice(0, offeredMax);
  keys.current = ({ key }) => {
    const { length } = offered;
    const picked = offered[at.value];
    if (picked === undefined) return false;
    if (key === "ArrowDown" || key === "ArrowUp")
      at.value = (at.value + (key === "ArrowDown" ? 1 : length - 1)) % length;
    else if (key === "Enter" || key === "Tab") onPick(picked);
    else if (key === "Escape") asked.value = undefined;
    else return false;
    return true;
  };
  if (offered.length === 0) return null;
  return (
    <ul class="completion" id="completion" role="listbox" aria-label={texts().findMember}>
      {offered.map((account, index) => (
        <li
          key={account}
          role="option"
          aria-selected={index === at.value}
          // The field keeps the focus.
          onMouseDown={(event) => {
            event.preventDefault();
            onPick(account);
          }}
        >
          <Avatar id={`u:${account}`} name={chat.people.nameOf(account)} />
          <bdi>{chat.people.nameOf(account)}</bdi>
          <small>{account}</small>
        </li>
      ))}
    </ul>
  );
}
