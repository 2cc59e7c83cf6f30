// The details of the open conversation: beside it, or on a narrow page in its place.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { errorOf } from "../../sdk/client-errors.ts";
import type { ChatMessage, Partner } from "../../sdk/messenger/messenger.ts";
import type { Room } from "../state/room.ts";
import { exactTimeOf, texts } from "../texts/texts.ts";
import { timeOf } from "../state/rows.ts";
import { Avatar } from "./avatar.tsx";
import { useChat } from "./context.ts";
import { type Form, FormDialog } from "./dialog.tsx";
import { GroupPane } from "./group-pane.tsx";
import { IconButton } from "./icon-button.tsx";
import { Fault, Section } from "./section.tsx";
import { useChanges } from "./use-changes.ts";

interface DetailsProps {
  readonly room: Room;
  readonly onOpen: (partner: Partner) => void;
}

export function Details({ room, onOpen }: DetailsProps) {
  const chat = useChat();
  const t = texts();
  const close = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const former = document.activeElement;
    close.current?.focus();
    return () => {
      if (former instanceof HTMLElement) former.focus();
    };
  }, []);
  const { partner, key } = room;
  const title = chat.people.titleOf(partner);
  const end = (): void => void (chat.areDetailsOpen.value = false);
  return (
    <aside class="details" aria-label={t.details} onKeyDown={({ key: pressed }) => pressed === "Escape" && end()}>
      <header class="bar">
        <IconButton ref={close} icon="close" label={t.close} onClick={end} />
        <h2>{t.details}</h2>
      </header>
      <div class="details-body">
        <div class="details-title">
          <Avatar id={key} name={title} />
          <h2>
            <bdi>{title}</bdi>
          </h2>
          <small>{key.slice(2)}</small>
        </div>
        {"group" in partner ? (
          <GroupPane id={partner.group} onOpen={onOpen} />
        ) : (
          <PersonPane account={partner.account} name={title} />
        )}
        <Pinned room={room} />
      </div>
    </aside>
  );
}

function PersonPane({ account, name }: { readonly account: string; readonly name: string }) {
  const chat = useChat();
  const t = texts();
  useChanges("accountChanged");
  const form = useSignal<Form | undefined>(undefined);
  const fault = useSignal("");
  if (account === chat.me) return null;
  const { community } = chat;
  const isBlocked = community.blocked.has(account);
  return (
    <Section>
      {isBlocked && <p>{t.isBlocked}</p>}
      <Fault of={fault} />
      <button
        type="button"
        class="quiet wide"
        onClick={() => {
          if (isBlocked) community.unblock(account).catch((error: unknown) => (fault.value = errorOf(error).message));
          else
            form.value = {
              title: `${t.block}: ${name}`,
              action: t.block,
              hint: t.blockHint(name),
              onSubmit: () => community.block(account),
            };
        }}
      >
        {isBlocked ? t.unblock : t.block}
      </button>
      {form.value && <FormDialog form={form.value} onClose={() => (form.value = undefined)} />}
    </Section>
  );
}

/** What is pinned for everybody in the conversation. */
function Pinned({ room }: { readonly room: Room }) {
  const { partner } = room;
  const chat = useChat();
  const t = texts();
  const count = useChanges("messagePinned", "groupsChanged");
  const pinned = useSignal<readonly ChatMessage[]>([]);
  const fault = useSignal("");
  useEffect(() => {
    chat.community.pinnedMessages(partner).then(
      (messages) => (pinned.value = messages),
      () => (pinned.value = []),
    );
  }, [count]);
  if (pinned.value.length === 0) return null;
  return (
    <Section title={t.pinnedMessages}>
      <Fault of={fault} />
      <ul>
        {pinned.value.map((message) => (
          <li key={String(message.id)} class="entry">
            <button
              type="button"
              class="text-button entry-text"
              onClick={() => {
                room.wanted.value = message.id;
                chat.areDetailsOpen.value = false;
              }}
            >
              <small>
                <bdi>{chat.people.nameOf(message.sender)}</bdi> · {exactTimeOf(timeOf(message))}
              </small>
              <bdi>{message.body.slice(0, 500) || t.files(message.media.length)}</bdi>
            </button>
            {chat.mayPin() && (
              <IconButton
                icon="close"
                label={t.unpin}
                onClick={() => {
                  chat.community
                    .pinMessage(partner, message.id, false)
                    .catch((error: unknown) => (fault.value = errorOf(error).message));
                }}
              />
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
