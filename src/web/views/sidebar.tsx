// The list of conversations with its search. Rows have one height, and those in sight alone are in the document.

import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Partner } from "../../sdk/messenger/messenger.ts";
import { texts } from "../texts/texts.ts";
import { AccountMenu } from "./account-menu.tsx";
import { useApp, useChat } from "./context.ts";
import { ConversationRow } from "./conversation-row.tsx";
import { FormDialog } from "./dialog.tsx";
import { IconButton } from "./icon-button.tsx";
import { Icon } from "./icon.tsx";
import { useNow } from "./use-now.ts";

const rowHeight = 64;
/** Rows above and below those in sight. */
const spare = 6;

interface SidebarProps {
  readonly onOpen: (partner: Partner) => void;
}

export function Sidebar({ onOpen }: SidebarProps) {
  const chat = useChat();
  const t = texts();
  const isAsking = useSignal(false);
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const find = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== "k") return;
      event.preventDefault();
      search.current?.select();
    };
    addEventListener("keydown", find);
    return () => removeEventListener("keydown", find);
  }, []);
  const onKeyDown = ({ key }: KeyboardEvent): void => {
    if (key === "Escape") chat.wanted.value = "";
    const [first] = chat.shown;
    if (key === "Enter" && chat.wanted.value !== "" && first !== undefined) onOpen(first.partner);
    if (key === "ArrowDown") list.current?.querySelector<HTMLElement>(".row")?.focus();
  };
  return (
    <nav class="sidebar" aria-label={t.conversations}>
      <header class="bar">
        <AccountMenu onOpen={onOpen} />
        <div class="search">
          <Icon name="search" />
          <input
            ref={search}
            type="search"
            placeholder={t.search}
            aria-label={t.search}
            value={chat.wanted}
            onInput={(event) => (chat.wanted.value = event.currentTarget.value)}
            onKeyDown={onKeyDown}
          />
        </div>
        <IconButton icon="plus" label={t.newConversation} onClick={() => (isAsking.value = true)} />
      </header>
      {chat.isListReady.value && chat.conversations.value.length === 0 ? (
        <Nobody onNew={() => (isAsking.value = true)} />
      ) : (
        <List box={list} onOpen={onOpen} />
      )}
      {isAsking.value && (
        <FormDialog
          form={{
            title: t.newConversation,
            action: t.start,
            fields: [{ name: "account", label: t.account, isRequired: true }],
            onSubmit: (of) => onOpen({ account: of("account") }),
          }}
          onClose={() => (isAsking.value = false)}
        />
      )}
    </nav>
  );
}

function Nobody({ onNew }: { readonly onNew: () => void }) {
  const app = useApp();
  const t = texts();
  const secret = app.secret.value;
  return (
    <div class="empty">
      <h2>{t.nobodyYet}</h2>
      <p>{t.nobodyHint}</p>
      <button type="button" onClick={onNew}>
        {t.newConversation}
      </button>
      {secret !== undefined && (
        <a class="button quiet" href={`#link=${secret}`} target="_blank" rel="noopener">
          {t.anotherTab}
        </a>
      )}
    </div>
  );
}

interface ListProps extends SidebarProps {
  readonly box: { readonly current: HTMLDivElement | null };
}

function List({ box, onOpen }: ListProps) {
  const chat = useChat();
  const t = texts();
  const top = useSignal(0);
  const height = useSignal(800);
  /** The row that Tab reaches and arrows move from; it is focused if the focus is in the list. */
  const cursor = useSignal(0);
  const isMoved = useRef(false);
  const shown = chat.shown;
  useLayoutEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    const observer = new ResizeObserver(() => (height.value = current.clientHeight));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (!isMoved.current) return;
    isMoved.current = false;
    box.current?.querySelector<HTMLElement>(".row[tabindex='0']")?.focus();
  });
  useNow(() => {
    void chat.wanted.value;
    cursor.value = 0;
  });
  const move = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, Home: -shown.length, End: shown.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(cursor.value + step, shown.length - 1));
    cursor.value = at;
    const { current } = box;
    if (current === null) return;
    const y = at * rowHeight;
    if (y < current.scrollTop) current.scrollTop = y;
    if (y + rowHeight > current.scrollTop + current.clientHeight) current.scrollTop = y + rowHeight - height.value;
    top.value = current.scrollTop;
    isMoved.current = true;
  };
  // It stays the same, so that rows are made again only where something of theirs has changed.
  const pick = useCallback((at: number, partner: Partner): void => {
    cursor.value = at;
    onOpen(partner);
  }, []);
  const openKey = chat.room.value?.key;
  const inSight = Math.floor(top.value / rowHeight);
  const first = Math.max(0, inSight - spare);
  const rows = shown.slice(first, inSight + Math.ceil(height.value / rowHeight) + spare);
  const onScroll = (): void => {
    top.value = box.current?.scrollTop ?? 0;
    const isNearEnd = top.value + 2 * height.value > shown.length * rowHeight;
    if (isNearEnd && chat.hasMore.value && chat.wanted.value === "") void chat.loadMore();
  };
  const isSearching = chat.wanted.value !== "";
  return (
    <div class="list" ref={box} onScroll={onScroll} onKeyDown={move}>
      <ul style={{ height: `${shown.length * rowHeight}px` }}>
        {rows.map((state, at) => (
          <li key={state.key} style={{ transform: `translateY(${(first + at) * rowHeight}px)` }}>
            <ConversationRow
              state={state}
              at={first + at}
              isCursor={first + at === cursor.value}
              isOpen={state.key === openKey}
              draft={state.key === openKey ? "" : chat.drafts.of(state.key)}
              onOpen={pick}
            />
          </li>
        ))}
      </ul>
      {isSearching && shown.length === 0 && <p class="hint">{t.nothingFound}</p>}
      {chat.hasMore.value && (
        <button type="button" class="quiet wide" onClick={() => void chat.loadMore()}>
          {t.loadMore}
        </button>
      )}
    </div>
  );
}
