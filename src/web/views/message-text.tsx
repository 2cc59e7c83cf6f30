// The text of a message: as it was written, with links and mentions. Nothing in it is markup.

import type { ComponentChildren, JSX } from "preact";
import type { ChatMessage } from "../../sdk/messenger/messenger.ts";
import { useChat } from "./context.ts";

/** An address of the web, without what ends a sentence or turns its end round. */
const link = /https?:\/\/[^\s<>"\p{Bidi_C}]*[^\s<>"\p{Bidi_C}'.,;:!?)\]}。，；：！？）】]/u;
const mention = /(?<![\w@])@([\w.-]*\w|\*)/u;
const pattern = new RegExp(`(${link.source})|${mention.source}`, "gu");
/** At most so many emoji alone are shown larger. */
const emojiOnly =
  /^(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\u200d\p{Extended_Pictographic}|\ufe0f)*\s*){1,6}$/u;

interface TextProps {
  readonly message: ChatMessage;
  /** Stands at the end of the last line, where there is room. */
  readonly children: ComponentChildren;
}

export function MessageText({ message: { body, mentions }, children }: TextProps) {
  const chat = useChat();
  const parts: (string | JSX.Element)[] = [];
  let end = 0;
  for (const found of body.matchAll(pattern)) {
    const [text, address, account = ""] = found;
    const part = address === undefined ? mentionOf(account) : linkOf(address);
    if (part === undefined) continue;
    parts.push(body.slice(end, found.index), part);
    end = found.index + text.length;
  }
  parts.push(body.slice(end));

  function mentionOf(account: string) {
    if (!mentions.includes(account)) return undefined;
    const isMe = account === chat.me || account === "*";
    const name = account === "*" ? account : chat.people.nameOf(account);
    return (
      <bdi class={`mention ${isMe ? "is-me" : ""}`} title={account}>
        @{name}
      </bdi>
    );
  }

  return (
    <p class={`text ${emojiOnly.test(body) ? "is-emoji" : ""}`} dir="auto">
      {parts}
      {children}
    </p>
  );
}

/** Undefined if it is no address after all. It opens without a way back to this page. */
function linkOf(text: string) {
  if (!URL.canParse(text)) return undefined;
  return (
    <a href={new URL(text).href} target="_blank" rel="noopener noreferrer nofollow">
      {text}
    </a>
  );
}
