// The open conversation: with whom, the messages, and where one writes.

import { texts, shortTimeOf } from "../texts/texts.ts";
import type { Room } from "../state/room.ts";
import { listOf } from "../texts/texts.ts";
import { Avatar } from "./avatar.tsx";
import { Composer } from "./composer.tsx";
import { useChat } from "./context.ts";
import { IconButton } from "./icon-button.tsx";
import { Menu } from "./menu.tsx";
import { MessageList } from "./message-list.tsx";
import { PictureDialog } from "./message-media.tsx";

/** Those who type that are named. */
const typistsMax = 3;

interface RoomProps {
  readonly room: Room;
  readonly onBack: () => void;
}

export function RoomView({ room, onBack }: RoomProps) {
  const chat = useChat();
  return (
    <>
      <main
        class="room"
        aria-label={chat.people.titleOf(room.partner)}
        onKeyDown={({ key }) => {
          // Wherever the focus is in the conversation.
          if (key === "Escape") room.cancel();
        }}
      >
        <RoomBar room={room} onBack={onBack} />
        <Messages room={room} />
        <Composer room={room} />
      </main>
      <PictureDialog />
    </>
  );
}

function RoomBar({ room, onBack }: RoomProps) {
  const chat = useChat();
  const t = texts();
  const { key, partner, conversation } = room;
  const title = chat.people.titleOf(partner);
  const { isPinned = false, isMuted = false } = chat.stateOf(key) ?? {};
  const set = (work: Promise<void>): void => void room.attempt(work);
  return (
    <header class="bar">
      <IconButton icon="back" label={t.back} class="back" onClick={onBack} />
      <Avatar id={key} name={title} />
      <div class="room-title" onClick={() => (chat.areDetailsOpen.value = !chat.areDetailsOpen.value)}>
        <h1 title={key.slice(2)}>
          <bdi>{title}</bdi>
        </h1>
        <p>
          <Presence room={room} />
        </p>
      </div>
      <Menu
        label={t.menu}
        icon="more"
        items={[
          { label: t.details, act: () => void (chat.areDetailsOpen.value = true) },
          { label: isPinned ? t.unpin : t.pin, act: () => set(conversation.pin(!isPinned)) },
          { label: isMuted ? t.unmute : t.mute, act: () => set(conversation.mute(!isMuted)) },
          {
            label: t.hide,
            act: () => {
              set(conversation.hide());
              onBack();
            },
          },
        ]}
      />
    </header>
  );
}

/** Who types, or else who is there. */
function Presence({ room: { partner, typists } }: { readonly room: Room }) {
  const chat = useChat();
  const t = texts();
  if (typists.value.length > 0) {
    const names = typists.value.slice(0, typistsMax).map((account) => chat.people.nameOf(account));
    return <span class="typing">{t.typing(listOf(names), typists.value.length)}</span>;
  }
  if ("group" in partner) {
    const group = chat.people.groupOf(partner.group);
    return group === undefined ? t.group : t.members(group.memberCount);
  }
  const state = chat.people.presence.value.get(partner.account);
  if (state?.isOnline === true) return <span class="is-here">{t.online}</span>;
  const lastSeen = state?.lastSeen;
  // Who shows another name is told apart by the account.
  if (lastSeen === undefined) return chat.people.nameOf(partner.account) === partner.account ? null : partner.account;
  return t.lastSeen(shortTimeOf(lastSeen.getTime(), Date.now()));
}

function Messages({ room }: { readonly room: Room }) {
  const t = texts();
  const hasMessages = room.parts.value.length > 0;
  switch (room.phase.value) {
    case "loading":
      return <div class="messages" aria-busy="true" />;
    case "failed":
      return (
        <>
          <div class={hasMessages ? "link-bar" : "messages empty"}>
            <p role="alert">{t.notLoaded}</p>
            <button type="button" onClick={() => void room.load()}>
              {t.again}
            </button>
          </div>
          {hasMessages && <MessageList room={room} />}
        </>
      );
    case "ready":
      return hasMessages ? <MessageList room={room} /> : <div class="messages empty">{t.noMessages}</div>;
  }
}
