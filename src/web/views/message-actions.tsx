// What can be done with a message: shown where the pointer or the focus is, and on touch where one has tapped.

import { useSignal } from "@preact/signals";
import type { ChatMessage } from "../../sdk/messenger/messenger.ts";
import type { Room } from "../state/room.ts";
import { listOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { IconButton } from "./icon-button.tsx";
import type { IconName } from "./icon.tsx";

const signs = ["👍", "❤️", "😂", "😮", "😢", "🎉"];
/** Readers that are named. */
const namedMax = 20;

interface ActionsProps {
  readonly message: ChatMessage;
  readonly room: Room;
}

export function MessageActions({ message, room }: ActionsProps) {
  const chat = useChat();
  const t = texts();
  const isReacting = useSignal(false);
  const readers = useSignal("");
  const isMine = message.sender === chat.me;
  const action = (icon: IconName, label: string, act: () => void) => (
    <IconButton icon={icon} label={label} onClick={act} />
  );
  const askReaders = async (): Promise<void> => {
    const { count, accounts } = await chat.client.readers(message.id, { limit: namedMax });
    const names = accounts.map((account) => chat.people.nameOf(account));
    const others = count - names.length;
    readers.value = t.readBy(listOf(others > 0 ? [...names, t.others(others)] : names));
  };
  const pin = (): Promise<unknown> => chat.community.pinMessage(room.partner, message.id);
  return (
    <div class="actions">
      {readers.value !== "" && <p role="status">{readers}</p>}
      {isReacting.value &&
        signs.map((sign) => (
          <button
            key={sign}
            type="button"
            class="icon-button"
            aria-label={`${t.react} ${sign}`}
            onClick={({ currentTarget }) => {
              // The button that has the focus goes away.
              currentTarget.closest<HTMLElement>(".message")?.focus();
              isReacting.value = false;
              room.react(message, sign);
            }}
          >
            {sign}
          </button>
        ))}
      {action("smile", t.react, () => (isReacting.value = !isReacting.value))}
      {!isReacting.value && (
        <>
          {action("reply", t.reply, () => room.answer(message))}
          {isMine && action("edit", t.edit, () => room.change(message))}
          {isMine && "group" in room.partner && action("eye", t.readers, () => void room.attempt(askReaders()))}
          {chat.mayPin() && action("pin", t.pinMessage, () => void room.attempt(pin()))}
          {chat.mayRecall(message) && action("recall", t.recall, () => room.recall(message))}
        </>
      )}
    </div>
  );
}
