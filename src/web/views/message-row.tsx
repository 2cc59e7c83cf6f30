// One message: its author and time if it begins a group, its text, and what happens to it.

import type { ChatMessage } from "../../sdk/messenger/messenger.ts";
import type { Room } from "../state/room.ts";
import { keyOfMessage, type Row } from "../state/rows.ts";
import { clockOf, exactTimeOf, texts } from "../texts/texts.ts";
import { Avatar, hueOf } from "./avatar.tsx";
import { useChat } from "./context.ts";
import { Icon } from "./icon.tsx";
import { MessageActions } from "./message-actions.tsx";
import { MessageMedia } from "./message-media.tsx";
import { MessageText } from "./message-text.tsx";

interface MessageProps {
  readonly row: Row;
  readonly message: ChatMessage;
  readonly room: Room;
  /** Whether Tab reaches it, and whether the pointer is on it: one that neither is has no buttons, which are many. */
  readonly isReached: boolean;
  readonly isPointed: boolean;
  /** Whether it was jumped to. */
  readonly isJumped: boolean;
  readonly onFocus: (key: string) => void;
  readonly onJump: (id: bigint) => unknown;
}

export function MessageRow({ row, message, room, isReached, isPointed, isJumped, onFocus, onJump }: MessageProps) {
  const chat = useChat();
  const { sender, state, isRecalled, replyTo, media } = message;
  const isMine = sender === chat.me;
  const name = chat.people.nameOf(sender);
  const classes = ["message", isMine && "is-mine", row.isFirst && "is-first", isJumped && "is-jumped"];
  const time = <Time ms={row.time} />;
  return (
    <article
      class={classes.filter(Boolean).join(" ")}
      data-key={row.key}
      tabIndex={isReached ? 0 : -1}
      aria-label={`${name}, ${exactTimeOf(row.time)}`}
      onFocus={() => onFocus(row.key)}
    >
      {row.isFirst ? <Avatar id={`u:${sender}`} name={name} /> : <span class="late-time">{time}</span>}
      <div class="message-body">
        {row.isFirst && (
          <header>
            <bdi class="author" style={{ "--hue": hueOf(`u:${sender}`) }} title={sender}>
              {name}
            </bdi>
            {time}
          </header>
        )}
        <div class="bubble">
          {replyTo > 0n && <Quote id={replyTo} room={room} onJump={onJump} />}
          {media.length > 0 && <MessageMedia message={message} />}
          {isRecalled ? (
            <p class="recalled">{texts().recalled}</p>
          ) : (
            <MessageText message={message}>
              <Fate message={message} room={room} isMine={isMine} />
            </MessageText>
          )}
          {state === "failed" && <Failure message={message} />}
        </div>
        <Reactions message={message} room={room} />
      </div>
      {(isReached || isPointed) && state === "stored" && !isRecalled && (
        <MessageActions message={message} room={room} />
      )}
    </article>
  );
}

function Time({ ms }: { readonly ms: number }) {
  return (
    <time dateTime={new Date(ms).toISOString()} title={exactTimeOf(ms)}>
      {clockOf(ms)}
    </time>
  );
}

/** One line of the message that is answered; it jumps there. */
function Quote({
  id,
  room,
  onJump,
}: {
  readonly id: bigint;
  readonly room: Room;
  readonly onJump: (id: bigint) => unknown;
}) {
  const chat = useChat();
  const t = texts();
  const quoted = room.messageOf(id);
  if (quoted === null) return <p class="quote">{t.gone}</p>;
  return (
    <button type="button" class="quote" onClick={() => onJump(id)}>
      {quoted === undefined ? (
        "…"
      ) : (
        <>
          <bdi class="author" style={{ "--hue": hueOf(`u:${quoted.sender}`) }}>
            {chat.people.nameOf(quoted.sender)}
          </bdi>{" "}
          <bdi>{quoted.isRecalled ? t.recalled : quoted.body.slice(0, 200) || t.files(quoted.media.length)}</bdi>
        </>
      )}
    </button>
  );
}

interface FateProps {
  readonly message: ChatMessage;
  readonly room: Room;
  readonly isMine: boolean;
}

/** What has become of it: edited, and of an own one whether it is waiting, stored or read. */
function Fate({ message: { id, state, isEdited }, room, isMine }: FateProps) {
  const t = texts();
  const isRead = room.peerReadId.value >= id;
  return (
    <span class="fate">
      {isEdited && <span>{t.edited}</span>}
      {isMine && state === "sending" && <Icon name="clock" label={t.sending} />}
      {isMine && state === "stored" && <Icon name={isRead ? "ticks" : "tick"} label={isRead ? t.read : t.stored} />}
    </span>
  );
}

/** Why it was refused, and what can be done about it. */
function Failure({ message: { error, clientId } }: { readonly message: ChatMessage }) {
  const chat = useChat();
  const t = texts();
  return (
    <p class="failed">
      <Icon name="alert" /> {t.failed(error?.message ?? "")}{" "}
      <button type="button" class="text-button" onClick={() => chat.client.retry(clientId)}>
        {t.retry}
      </button>{" "}
      <button type="button" class="text-button" onClick={() => void chat.client.discard(clientId)}>
        {t.remove}
      </button>
    </p>
  );
}

function Reactions({ message, room }: { readonly message: ChatMessage; readonly room: Room }) {
  if (message.reactions.length === 0) return null;
  return (
    <div class="reactions">
      {message.reactions.map(({ reaction, count, isMine }) => (
        <button
          key={`${keyOfMessage(message)} ${reaction}`}
          type="button"
          aria-pressed={isMine}
          aria-label={texts().reacted(reaction, count)}
          onClick={() => room.react(message, reaction)}
        >
          <bdi>{reaction}</bdi> {count}
        </button>
      ))}
    </div>
  );
}
