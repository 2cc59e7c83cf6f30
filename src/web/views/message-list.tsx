// The messages of a conversation. Of 100,000 rows, those in sight and some around them are in the document. What one
// reads stays where it is when rows above it come, go or get another height: the anchor says which row that is, and
// the browser's own anchoring is off. A scroll makes rows anew only where those in the document do not suffice.

import { type Signal, batch, untracked, useComputed, useSignal } from "@preact/signals";
import { useCallback, useLayoutEffect, useRef } from "preact/hooks";
import type { Room } from "../state/room.ts";
import { keyOfMessage, type Row } from "../state/rows.ts";
import { dayTextOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { Icon } from "./icon.tsx";
import { MessageRow } from "./message-row.tsx";
import { type Anchor, anchorAt, isEnd, RowPositions, topFor } from "./row-positions.ts";
import { useNow } from "./use-now.ts";

/**
 * Rows are in the document up to `spare` above and below the view, and other ones are made when less than `spareMin` is
 * left; until the reader scrolls, that is all there are, so that a conversation opens sooner. Older messages are loaded
 * so near the beginning. In pixels.
 */
const spare = 600;
const spareMin = 200;
const loadAt = 1_200;
/** Where the line above what is new stands at first, below the upper edge. */
const newLineTop = 72;

/** That of the last view, of this or another conversation: the first rows that are drawn fit it. */
let lastSize = { width: 0, height: 0 };

interface Jump {
  readonly key: string;
}

export function MessageList({ room }: { readonly room: Room }) {
  const chat = useChat();
  const t = texts();
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const size = useSignal(lastSize);
  const anchor = useRef<Anchor>(room.readId === undefined ? "end" : { key: "new", offset: -newLineTop });
  const near = useRef(spareMin);
  const isAtEnd = useSignal(true);
  /** The message that Tab reaches: the last one, until another one was focused. */
  const active = useSignal("");
  /** The message under the pointer. */
  const pointed = useSignal("");
  /** What is to have the focus as soon as it is in the document. */
  const focused = useRef<string | undefined>(undefined);
  const jumped = useSignal<Jump | undefined>(undefined);
  /** Counts what needs other rows in the document. */
  const draws = useSignal(0);
  const latest = useRef<RowPositions | undefined>(undefined);
  const positions = useComputed(() => {
    const rows = room.rows.of(room.parts.value);
    return (latest.current = new RowPositions(rows, latest.current, room.hasAfter.value));
  });
  void draws.value;

  const { value: all } = positions;
  const { value: view } = size;
  const [first, end] = rangeOf(all, topFor(anchor.current, all, view.height), view.height || 800, near.current);
  const rows = Array.from({ length: end - first }, (_, at) => all.row(first + at)).filter((row) => row !== undefined);
  /** Few messages stand at the lower edge. */
  const rest = restOf(all, view.height);

  /** The reader is elsewhere: whatever depends on that follows. */
  const moved = (top: number): void => {
    const { height } = view;
    const [firstMin, endMin] = rangeOf(all, top, height, spareMin);
    if (firstMin < first || endMin > end || restOf(all, height) !== rest) draws.value++;
    isAtEnd.value = isEnd(all, top, height);
    if (!room.isLoadingMore.peek()) {
      room.near(all.row(all.at(top))?.message?.id ?? 0n);
      if (top < loadAt) void room.loadMore(false);
      if (top + height > all.total - loadAt) void room.loadMore(true);
    }
    markSeen(room, all, top + height);
  };

  /** What is in the document is measured, all of it at once, and the view put where the anchor says. */
  const settle = useRef(() => {});
  settle.current = () => {
    const [{ current: outer }, { current: shown }] = [box, inner];
    // The view may have another size than when the rows were made: then others come.
    if (outer === null || shown === null || view.height === 0 || view !== size.peek()) return;
    measure(shown, all, first, end);
    const top = topFor(anchor.current, all, view.height);
    shown.parentElement?.style.setProperty("height", `${Math.max(view.height, all.total)}px`);
    if (Math.abs(outer.scrollTop - top) >= 1) outer.scrollTop = top;
    // Who sees the end, also of few messages, sees what comes.
    if (isEnd(all, top, view.height)) anchor.current = "end";
    if (focused.current !== undefined) {
      const row = shown.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused.current)}"]`);
      row?.focus({ preventScroll: true });
      if (row !== null) focused.current = undefined;
    }
    moved(top);
  };
  useLayoutEffect(() => {
    const [{ current: outer }, { current: shown }] = [box, inner];
    if (outer === null || shown === null) return undefined;
    const again = (): void => settle.current();
    const resized = (): void => {
      const { clientWidth: width, clientHeight: height } = outer;
      const before = size.peek();
      if (before.width !== width) positions.peek().forget();
      if (before.width !== width || before.height !== height) size.value = lastSize = { width, height };
      else again();
    };
    // At once: the observer tells only after the first frame is laid out.
    resized();
    const observer = new ResizeObserver(resized);
    observer.observe(outer);
    observer.observe(shown);
    document.addEventListener("visibilitychange", again);
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", again);
    };
  }, []);
  useLayoutEffect(() => settle.current());

  const goTo = (place: Anchor): void => {
    anchor.current = place;
    draws.value++;
  };

  const goToEnd = async (): Promise<void> => {
    if (all.hasAfter) await room.toEnd();
    goTo("end");
  };

  // An own message brings the view to the end.
  const pending = useRef("");
  useNow(() => {
    const last = room.last(() => true);
    const key = last?.state === "sending" ? last.clientId : "";
    const isNew = key !== "" && key !== pending.current;
    pending.current = key;
    if (isNew) void untracked(goToEnd);
  });

  const onScroll = (): void => {
    const top = box.current?.scrollTop ?? 0;
    if (Math.abs(top - topFor(anchor.current, all, view.height)) < 1) return;
    anchor.current = anchorAt(top, all, view.height);
    near.current = spare;
    moved(top);
  };

  // These two stay the same, so that rows in the document are not made again with those that come.
  const focus = useCallback((key: string) => void (active.value = key), []);
  const jump = useCallback(
    async (id: bigint): Promise<void> => {
      const message = await room.reach(id);
      if (message === undefined) return void (room.fault.value = texts().gone);
      const key = keyOfMessage(message);
      goTo({ key, offset: -size.peek().height / 3 });
      jumped.value = { key };
      show(key);
    },
    [room],
  );

  // From the details, which may have stood in front of the list.
  useNow(() => {
    const { value: id } = room.wanted;
    if (id === 0n || size.value.height === 0) return;
    room.wanted.value = 0n;
    void jump(id);
  });

  const show = (key: string): void => {
    const now = positions.peek();
    const at = now.indexOf(key);
    if (at < 0) return;
    const { height } = size.peek();
    const [begin, after] = [now.topOf(at), now.topOf(at + 1)];
    const top = topFor(anchor.current, now, height);
    focused.current = key;
    batch(() => {
      active.value = key;
      if (begin < top) goTo({ key, offset: -8 });
      else if (after > top + height) goTo({ key, offset: after - begin - height + 8 });
      else draws.value++;
    });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const { target, key } = event;
    if (!(target instanceof HTMLElement) || target.dataset["key"] === undefined) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step === undefined) return;
    event.preventDefault();
    const now = positions.peek();
    let at = now.indexOf(target.dataset["key"]) + step;
    while (now.row(at)?.kind !== "message" && at >= 0 && at < now.length) at += step;
    const row = at < 0 ? undefined : now.row(at);
    if (row !== undefined) show(row.key);
  };

  const onPointerOver = ({ target }: PointerEvent): void => {
    // A browser tells what a scroll has brought under the pointer before it tells of the scroll.
    onScroll();
    if (target instanceof Element) pointed.value = target.closest<HTMLElement>("[data-key]")?.dataset["key"] ?? "";
  };

  const lastKey = all.row(all.length - 1)?.key ?? "";
  const reached = rows.some(({ key }) => key === active.value) ? active.value : lastKey;
  return (
    <div class="messages">
      <div
        class="scroller"
        ref={box}
        role="log"
        aria-label={t.messages}
        aria-live="off"
        aria-busy={room.isLoadingMore}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onPointerOver={onPointerOver}
        onPointerLeave={() => (pointed.value = "")}
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
                    isPointed={row.key === pointed.value}
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
      <ToEnd room={room} isAtEnd={isAtEnd} onClick={goToEnd} />
      <News room={room} me={chat.me} />
    </div>
  );
}

interface ToEndProps {
  readonly room: Room;
  readonly isAtEnd: Signal<boolean>;
  readonly onClick: () => unknown;
}

function ToEnd({ room, isAtEnd, onClick }: ToEndProps) {
  const t = texts();
  const newBelow = room.newBelow.value;
  if (isAtEnd.value) return null;
  return (
    <button type="button" class="to-end" onClick={onClick}>
      {newBelow > 0 ? t.newMessages(newBelow) : <span class="for-readers">{t.toEnd}</span>}
      <Icon name="down" />
    </button>
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
  const last = room.last(({ state }) => state === "stored");
  const isNews = said.current !== undefined && last !== undefined && last.id > said.current && last.sender !== me;
  if (last !== undefined) said.current = last.id;
  return (
    <div class="for-readers" aria-live="polite">
      {isNews ? `${chat.people.nameOf(last.sender)}: ${last.body.slice(0, 500)}` : ""}
    </div>
  );
}

/** The rows that are in sight, or so near to it, where the view begins at `top`: the first one, and the end. */
function rangeOf(all: RowPositions, top: number, height: number, near: number): readonly [number, number] {
  return [all.at(top - near), Math.min(all.length, all.at(top + height + near) + 1)];
}

/** How much of the view few messages leave free. */
const restOf = (all: RowPositions, height: number): number => Math.max(0, height - all.total);

/** Takes the heights of rows in the document. */
function measure(shown: HTMLElement, all: RowPositions, first: number, end: number): void {
  for (let at = first; at < end; at++) {
    const height = shown.children[at - first]?.getBoundingClientRect().height ?? 0;
    if (height > 0) all.measured(at, height);
  }
}

/** The last stored message above the lower edge has been seen, if anybody looks. */
function markSeen(room: Room, all: RowPositions, bottom: number): void {
  if (document.visibilityState !== "visible") return;
  for (let at = all.at(bottom); at >= 0; at--) {
    const message = all.row(at)?.message;
    if (message !== undefined && message.id > 0n && all.topOf(at) < bottom - 8) return room.seen(message.id);
  }
}
