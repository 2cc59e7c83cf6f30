// Where one writes. Enter sends, Shift+Enter breaks the line, and the Enter of an input method does neither. ↑ in an
// empty field edits the last own message.

import { untracked, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Room } from "../state/room.ts";
import { texts } from "../texts/texts.ts";
import { AttachButton, Attachments, pasteInto } from "./attachments.tsx";
import { useChat } from "./context.ts";
import { IconButton } from "./icon-button.tsx";
import { Icon } from "./icon.tsx";
import { Completion, mentionsIn, useMembers } from "./mentions.tsx";
import { useNow } from "./use-now.ts";
import { Fault } from "./section.tsx";

/** What a server takes of a text, unless it was told otherwise; far more would end the connection. */
const textBytesMax = 16 * 1024;
/** The bound on what is pasted: browsers take seconds to lay out far more. */
const charactersMax = 50_000;
/** The code of keys that an input method handles, where `isComposing` comes too late (Safari). */
const composingKey = 229;

export function Composer({ room }: { readonly room: Room }) {
  const chat = useChat();
  const t = texts();
  const field = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(chat.drafts.of(room.key));
  /** What stands before the caret behind an @, if somebody is to be completed. */
  const asked = useSignal<string | undefined>(undefined);
  const tray = chat.media.trayOf(room.key);
  const members = useMembers(room, asked);
  const completion = useRef<(event: KeyboardEvent) => boolean>(() => false);
  const { value: edited } = room.edited;
  const { value: reply } = room.reply;

  const put = (now: string): void => {
    text.value = now;
    if (room.edited.peek() === undefined) chat.drafts.set(room.key, now);
  };
  // What is edited stands in the field, and the draft again after it.
  useNow(() => {
    const { value: message } = room.edited;
    text.value = message === undefined ? chat.drafts.of(room.key) : message.body;
  });
  useNow(() => {
    if (room.edited.value ?? room.reply.value) field.current?.focus();
  });
  useLayoutEffect(() => {
    // On a phone the keyboard would cover what one came to read.
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);
  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight}px`;
  }, [text.value]);

  const excess = Math.max(0, new Blob([text.value]).size - textBytesMax);
  const mayBeSent = (): boolean =>
    excess === 0 && (text.value.trim() !== "" || (room.edited.value === undefined && tray.items.value.length > 0));
  const send = (): void => {
    const body = text.value.trim();
    const isEdit = room.edited.value !== undefined;
    if (!mayBeSent()) return;
    if (!isEdit && !tray.isReady.value) return tray.sendThen();
    if (!isEdit) put("");
    asked.value = undefined;
    room.send(body, mentionsIn(body, room, members.value), isEdit ? undefined : tray.take());
    field.current?.focus();
  };
  // After an edit, whose text is in the field.
  tray.send = () => {
    if (room.edited.value === undefined) untracked(send);
  };
  const onInput = (): void => {
    const { current } = field;
    if (current === null) return;
    put(current.value);
    if (current.value !== "" && room.edited.value === undefined) chat.community.typing(room.partner);
    const before = current.value.slice(0, current.selectionStart);
    asked.value = "group" in room.partner ? /(?:^|\s)@([\w.-]*)$/u.exec(before)?.[1] : undefined;
  };
  const complete = (account: string): void => {
    const { current } = field;
    if (current === null) return;
    const caret = current.selectionStart;
    const before = current.value.slice(0, caret).replace(/@[\w.-]*$/u, `@${account} `);
    const after = current.value.slice(caret);
    // At once: the next keys are on their way.
    current.value = before + after;
    put(current.value);
    asked.value = undefined;
    current.focus();
    current.setSelectionRange(before.length, before.length);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.isComposing || event.keyCode === composingKey) return;
    if (asked.value !== undefined && completion.current(event)) {
      event.stopPropagation();
      return event.preventDefault();
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      return send();
    }
    if (event.key !== "ArrowUp" || text.value !== "") return;
    const last = room.last((one) => one.sender === chat.me && one.state === "stored");
    if (last === undefined || last.isRecalled) return;
    event.preventDefault();
    room.change(last);
  };

  const about = edited ?? reply;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Fault of={room.fault}>
        {" "}
        <button type="button" class="text-button" onClick={() => (room.fault.value = "")}>
          {t.close}
        </button>
      </Fault>
      {excess > 0 && (
        <p class="fault" role="status">
          {t.tooLong(excess)}
        </p>
      )}
      {about !== undefined && (
        <div class="about">
          <Icon name={edited === undefined ? "reply" : "edit"} />
          <span class="about-text">
            <b>{edited === undefined ? t.replyingTo(chat.people.nameOf(about.sender)) : t.editing}</b>
            <bdi>{about.body.slice(0, 200)}</bdi>
          </span>
          <IconButton icon="close" label={t.cancel} onClick={() => room.cancel()} />
        </div>
      )}
      {edited === undefined && <Attachments tray={tray} />}
      <div class="field">
        {edited === undefined && <AttachButton tray={tray} />}
        <Completion asked={asked} members={members} keys={completion} onPick={complete} />
        <textarea
          ref={field}
          rows={1}
          maxLength={charactersMax}
          dir="auto"
          placeholder={t.write}
          aria-label={t.write}
          aria-autocomplete="list"
          aria-controls={asked.value === undefined ? undefined : "completion"}
          value={text}
          onInput={onInput}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            if (edited === undefined && chat.media.isKept.value) pasteInto(tray, event);
          }}
          onBlur={() => (asked.value = undefined)}
        />
        <button class="icon-button send" aria-label={t.send} title={t.send} disabled={!mayBeSent()}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
