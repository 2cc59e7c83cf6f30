// One conversation in the list.

import type { ChatMessage, ConversationState, Partner } from "../../sdk/messenger/messenger.ts";
import { timeOf } from "../state/rows.ts";
import { exactTimeOf, shortTimeOf, texts } from "../texts/texts.ts";
import { Avatar } from "./avatar.tsx";
import { useChat } from "./context.ts";
import { Icon } from "./icon.tsx";

interface RowProps {
  readonly state: ConversationState;
  /** Its place in the list. */
  readonly at: number;
  /** Whether Tab reaches it. */
  readonly isCursor: boolean;
  readonly isOpen: boolean;
  /** What was written and not sent; '' if nothing is to be shown of it. */
  readonly draft: string;
  readonly onOpen: (at: number, partner: Partner) => void;
}

export function ConversationRow({ state, at, isCursor, isOpen, draft, onOpen }: RowProps) {
  const chat = useChat();
  const t = texts();
  const { key, partner, lastMessage, unread, isAtLeast, unreadMentions, isPinned, isMuted } = state;
  const title = chat.people.titleOf(partner);
  const isOnline = "account" in partner && chat.people.presence.value.get(partner.account)?.isOnline === true;
  const time = lastMessage && timeOf(lastMessage);
  return (
    <button
      type="button"
      class="row"
      aria-current={isOpen ? "true" : undefined}
      tabIndex={isCursor ? 0 : -1}
      onClick={() => onOpen(at, partner)}
    >
      <Avatar id={key} name={title} isOnline={isOnline} />
      <span class="row-text">
        <span class="row-line">
          <bdi class="row-title">{title}</bdi>
          {isOnline && <span class="for-readers">{t.online}</span>}
          {isMuted && <Icon name="muted" label={t.muted} />}
          {isPinned && <Icon name="pin" label={t.pinned} />}
          {time !== undefined && (
            <time dateTime={new Date(time).toISOString()} title={exactTimeOf(time)}>
              {shortTimeOf(time, Date.now())}
            </time>
          )}
        </span>
        <span class="row-line">
          <LastLine draft={draft} message={lastMessage} isGroup={"group" in partner} />
          {unreadMentions > 0 && (
            <span class="pill" aria-label={t.mentioned}>
              @
            </span>
          )}
          {unread > 0 && (
            <span class={`pill ${isMuted ? "is-muted" : ""}`} aria-label={t.unread(unread)}>
              {isAtLeast ? `${unread}+` : unread}
            </span>
          )}
        </span>
      </span>
    </button>
  );
}

interface LastLineProps {
  readonly draft: string;
  readonly message: ChatMessage | undefined;
  readonly isGroup: boolean;
}

function LastLine({ draft, message, isGroup }: LastLineProps) {
  const chat = useChat();
  const t = texts();
  if (draft !== "")
    return (
      <span class="last-line">
        <span class="draft">{t.draft}</span> <bdi>{draft.slice(0, 100)}</bdi>
      </span>
    );
  if (message === undefined) return <span class="last-line" />;
  const { sender, isRecalled, body, media } = message;
  const isMine = sender === chat.me;
  const author = isMine ? t.you : isGroup ? chat.people.nameOf(sender) : "";
  return (
    <span class="last-line">
      {author !== "" && (
        <>
          <bdi>{author}</bdi>:{" "}
        </>
      )}
      {isRecalled ? <i>{t.recalled}</i> : <bdi>{body.slice(0, 200) || t.files(media.length)}</bdi>}
    </span>
  );
}
