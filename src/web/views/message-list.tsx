// The messages of a conversation. Of 100,000 rows, those in sight and some around them are in the document. What one
// reads stays where it is when rows above it come, go or get another height: the anchor says which row that is, and
// the browser's own anchoring is off.

import { batch, useComputed, useSignal } from "@preact/signals";
import { useCallback, useLayoutEffect, useRef } from "preact/hooks";
import type { Room } from "../state/room.ts";
import type { Row } from "../state/rows.ts";
import { dayTextOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { Icon } from "./icon.tsx";
import { MessageRow } from "./message-row.tsx";
import { type Anchor, anchorAt, RowPositions, topFor } from "./row-positions.ts";
import { useNow } from "./use-now.ts";

/** What is shown above and below the view, and how near the beginning older messages are loaded, in pixels. */
const spare = 600;
const loadAt = 1_200;
/** Where the line above what is new stands at first, below the upper edge. */
const newLineTop = 72;

interface Jump {
  readonly key: string;
}

export function MessageList({ room }: { readonly room: Room }) {
  const chat = useChat();
  const t = texts();
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const anchor = useSignal<Anchor>(room.readId === undefined ? "end" : { key: "new", offset: -newLineTop });
  /** The message that Tab reaches: the last one, until another one was focused. */
  const active = useSignal("");
  /** What is to have the focus as soon as it is in the document. */
  const focused = useRef<string | undefined>(undefined);
  const jumped = useSignal<Jump | undefined>(undefined);
  /** Counts measurements that have changed something. */
  const measured = useSignal(0);
  const latest = useRef<RowPositions | undefined>(undefined);
  const positions = useComputed(
    () => (latest.current = new RowPositions(room.rows.of(room.messages.value), latest.current)),
  );
  void measured.value;

  const { value: all } = positions;
  const { value: view } = size;
  const top = topFor(anchor.value, all, view.height);
  const first = all.at(top - spare);
  const end = Math.min(all.rows.length, all.at(top + (view.height || 800) + spare) + 1);
  const rows = all.rows.slice(first, end);
  /** Few messages stand at the lower edge. */
  const rest = Math.max(0, view.height - all.total);

  useLayoutEffect(() => {
    const [{ current: outer }, { current: shown }] = [box, inner];
    if (outer === null || shown === null) return undefined;
    const observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = outer;
      const before = size.peek();
      if (before.width !== width) positions.peek().forget();
      if (before.width !== width || before.height !== height) size.value = { width, height };
      else measured.value++;
    });
    observer.observe(outer);
    observer.observe(shown);
    return () => observer.disconnect();
  }, []);

  // After each rendering: what is in the document is measured, and the view put where the anchor says.
  useLayoutEffect(() => {
    const [{ current: outer }, { current: shown }] = [box, inner];
    if (outer === null || shown === null || view.height === 0) return;
    if (measure(shown, all, first, end)) measured.value++;
    const wanted = topFor(anchor.peek(), all, view.height);
    shown.parentElement?.style.setProperty("height", `${Math.max(view.height, all.total)}px`);
    if (Math.abs(outer.scrollTop - wanted) >= 1) outer.scrollTop = wanted;
    if (focused.current !== undefined) {
      const row = shown.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused.current)}"]`);
      row?.focus({ preventScroll: true });
      if (row !== null) focused.current = undefined;
    }
    if (wanted < loadAt && room.hasBefore.peek()) void room.loadBefore();
    markSeen(room, all, wanted + view.height);
  });

  useLayoutEffect(() => {
    const again = (): void => void measured.value++;
    document.addEventListener("visibilitychange", again);
    return () => document.removeEventListener("visibilitychange", again);
  }, []);

  // An own message brings the view to the end.
  const pending = useRef("");
  useNow(() => {
    const last = room.messages.value.at(-1);
    const key = last?.state === "sending" ? last.clientId : "";
    if (key !== "" && key !== pending.current) anchor.value = "end";
    pending.current = key;
  });

  const onScroll = (): void => {
    const { current } = box;
    if (current === null || Math.abs(current.scrollTop - topFor(anchor.peek(), all, view.height)) < 1) return;
    anchor.value = anchorAt(current.scrollTop, all, view.height);
  };

  // These two stay the same, so that rows in the document are not made again at each frame of a scroll.
  const focus = useCallback((key: string) => void (active.value = key), []);
  const jump = useCallback(
    async (id: bigint): Promise<void> => {
      if (!(await room.reach(id))) return void (room.fault.value = texts().gone);
      const row = positions.peek().rows.findLast(({ message }) => message?.id === id);
      if (row === undefined) return;
      anchor.value = { key: row.key, offset: -size.peek().height / 3 };
      jumped.value = { key: row.key };
      show(row.key);
    },
    [room],
  );

  const show = (key: string): void => {
    const at = positions.peek().indexOf(key);
    if (at < 0) return;
    const { height } = size.peek();
    const [begin, after] = [positions.peek().topOf(at), positions.peek().topOf(at + 1)];
    const now = topFor(anchor.peek(), positions.peek(), height);
    focused.current = key;
    batch(() => {
      measured.value++;
      active.value = key;
      if (begin < now) anchor.value = { key, offset: -8 };
      else if (after > now + height) anchor.value = { key, offset: after - begin - height + 8 };
    });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const { target, key } = event;
    if (!(target instanceof HTMLElement) || target.dataset["key"] === undefined) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step === undefined) return;
    event.preventDefault();
    let at = positions.peek().indexOf(target.dataset["key"]) + step;
    while (positions.peek().rows[at]?.kind !== "message" && at >= 0 && at < positions.peek().rows.length) at += step;
    const row = positions.peek().rows[at];
    if (row !== undefined) show(row.key);
  };

  const lastKey = all.rows.at(-1)?.key ?? "";
  const reached = rows.some(({ key }) => key === active.value) ? active.value : lastKey;
  const isAtEnd = anchor.value === "end" || top >= all.total - view.height - 2;
  const { value: newBelow } = room.newBelow;
  return (
    <div class="messages">
      <div
        class="scroller"
        ref={box}
        role="log"
        aria-label={t.messages}
        aria-live="off"
        aria-busy={room.isLoadingBefore.value}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <div class="rows" style={{ height: `${rest + all.total}px` }}>
          <div ref={inner} style={{ transform: `translateY(${rest + all.topOf(first)}px)` }}>
            {rows.map((row) => (
              <div key={row.key}>
                {row.message === undefined ? (
                  <Separator row={row} />
                ) : (
                  <MessageRow
                    row={row}
                    message={row.message}
                    room={room}
                    isReached={row.key === reached}
                    isJumped={jumped.value?.key === row.key}
                    onFocus={focus}
                    onJump={jump}
                  />
                )}
              </div>
            ))}
          </div>
        </div>
      </div>
      {!isAtEnd && (
        <button type="button" class="to-end" onClick={() => (anchor.value = "end")}>
          {newBelow > 0 ? t.newMessages(newBelow) : <span class="for-readers">{t.toEnd}</span>}
          <Icon name="down" />
        </button>
      )}
      <News room={room} me={chat.me} />
    </div>
  );
}

function Separator({ row }: { readonly row: Row }) {
  const t = texts();
  return row.kind === "new" ? (
    <div class="new-line" role="separator">
      {t.newSince}
    </div>
  ) : (
    <div class="day" role="separator">
      <span>{dayTextOf(row.time, Date.now())}</span>
    </div>
  );
}

/** Says what comes to those who do not see it: each message of others once, while the page is read. */
function News({ room, me }: { readonly room: Room; readonly me: string }) {
  const chat = useChat();
  const said = useRef<bigint | undefined>(undefined);
  const last = room.messages.value.findLast(({ state }) => state === "stored");
  const isNews = said.current !== undefined && last !== undefined && last.id > said.current && last.sender !== me;
  if (last !== undefined) said.current = last.id;
  return (
    <div class="for-readers" aria-live="polite">
      {isNews ? `${chat.people.nameOf(last.sender)}: ${last.body.slice(0, 500)}` : ""}
    </div>
  );
}

/** Takes the heights of rows in the document. Returns whether one is different. */
function measure(shown: HTMLElement, all: RowPositions, first: number, end: number): boolean {
  let isDifferent = false;
  for (let at = first; at < end; at++) {
    const height = shown.children[at - first]?.getBoundingClientRect().height ?? 0;
    if (height > 0 && all.measured(at, height)) isDifferent = true;
  }
  return isDifferent;
}

/** The last stored message above the lower edge has been seen, if anybody looks. */
function markSeen(room: Room, all: RowPositions, bottom: number): void {
  if (document.visibilityState !== "visible") return;
  for (let at = all.at(bottom); at >= 0; at--) {
    const { message } = all.rows[at] ?? {};
    if (message !== undefined && message.id > 0n && all.topOf(at) < bottom - 8) return room.seen(message.id);
  }
}
