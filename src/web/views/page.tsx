// The page: the door, or the list and the open conversation side by side; on a narrow one, one of them.

import { useCallback, useEffect } from "preact/hooks";
import type { Partner } from "../../sdk/messenger/messenger.ts";
import type { App } from "../state/app.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";
import { type Chat, partnerOf } from "../state/chat.ts";
import { texts } from "../texts/texts.ts";
import { AppContext, ChatContext, useApp } from "./context.ts";
import { Details } from "./details.tsx";
import { Door } from "./door.tsx";
import { LinkBar } from "./link-bar.tsx";
import { notify } from "./notify.ts";
import { RoomView } from "./room-view.tsx";
import { Sidebar } from "./sidebar.tsx";
import { useNow } from "./use-now.ts";

export function Page({ app }: { readonly app: App }) {
  return (
    <AppContext.Provider value={app}>
      <Shown />
    </AppContext.Provider>
  );
}

function Shown() {
  const app = useApp();
  const t = texts();
  const chat = app.chat.value;
  if (app.ticket.value === undefined) return <Door />;
  return (
    <>
      <LinkBar />
      {app.isForgetful.value && <div class="link-bar">{t.noStorage}</div>}
      {chat === undefined ? (
        <main class="empty">{app.link.value.kind === "opening" && <p role="status">{t.opening}</p>}</main>
      ) : (
        <ChatContext.Provider value={chat}>
          {chat.isOutboxLost.value && <div class="link-bar">{t.outboxFailed}</div>}
          <Panes key={chat.me} chat={chat} />
        </ChatContext.Provider>
      )}
    </>
  );
}

/** The open conversation is an entry of the browser's history, so that Back leads to the list. */
function Panes({ chat }: { readonly chat: Chat }) {
  const t = texts();
  const room = chat.room.value;
  const areDetailsOpen = chat.areDetailsOpen.value;
  const open = useCallback((partner: Partner): void => {
    const state = { room: keyOf(partner) };
    if (chat.room.peek() === undefined) history.pushState(state, "");
    else history.replaceState(state, "");
    chat.open(partner);
  }, []);
  const close = (): void => {
    if (chat.room.peek() !== undefined) history.back();
  };
  useEffect(() => {
    const show = (): void => {
      const state: unknown = history.state;
      const partner = partnerOf(typeof state === "object" && state !== null ? Reflect.get(state, "room") : undefined);
      if (partner === undefined) chat.leaveRoom();
      else chat.open(partner);
    };
    show();
    addEventListener("popstate", show);
    chat.onNews = (news) => notify(chat, news, () => open(news.partner));
    return () => removeEventListener("popstate", show);
  }, []);
  useNow(() => {
    const unread = chat.unread.value;
    document.title = unread > 0 ? `(${unread}) Roost` : "Roost";
  });
  return (
    <div class={`panes ${room === undefined ? "" : "has-room"} ${areDetailsOpen ? "has-details" : ""}`}>
      <Sidebar onOpen={open} />
      {room === undefined ? (
        <main class="room empty">
          {chat.conversations.value.length > 0 && (
            <>
              <h2>{t.pick}</h2>
              <p>{t.pickHint}</p>
            </>
          )}
        </main>
      ) : (
        <>
          <RoomView key={room.key} room={room} onBack={close} />
          {areDetailsOpen && <Details key={`${room.key} details`} room={room} onOpen={open} />}
        </>
      )}
    </div>
  );
}
