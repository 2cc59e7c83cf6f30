// Formats messages as lines of a terminal. Foreign text cannot control the terminal, nor imitate a line of the program:
// those begin with a mark, messages with a time, and names other than plain words are quoted.

import { namedText, printable, quotedText } from "../../base/printable.ts";
import type { Media } from "../../sdk/media/files.ts";
import type { GroupState } from "../../sdk/community/community-types.ts";
import type { ChatMessage, ConversationState, ReactionCount } from "../../sdk/messenger/messenger-types.ts";
import { cut } from "./rows.ts";

/** Long runs of blanks could move the rest of a body to the start of a row. */
const blankRun = /[\p{Zs}\u2800]{4,}/gu;
const blankRunShown = "   ";

const formattedDate = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const namesMax = 5;
const quoteCells = 24;
const profileCells = 24;
/** The types of messages that are not text. Their bodies are the application's. */
const kinds: { readonly [type: number]: string } = { 2: "image", 3: "voice", 4: "video" };

/** The parts of a message that its line shows. */
interface ShownMessage {
  readonly sender: string;
  /** The name in the sender's profile; '' for none, which is the default. */
  readonly name?: string;
  readonly body: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  /** The conversation: `to bob`, or a group's name; '' for the current one. */
  readonly where: string;
  /** Stands beside the message; 0 for none. */
  readonly number?: number;
  /** `✓` stored, `✓✓` read by the partner; '' for messages of others. */
  readonly ticks?: string;
  /** What it answers, by `quote`; '' for nothing. */
  readonly answers?: string;
  /** Default 1, text. */
  readonly type?: number;
  readonly isEdited?: boolean;
  readonly isRecalled?: boolean;
  /** Whether it mentions the account that reads it. */
  readonly isForMe?: boolean;
  readonly reactions?: readonly ReactionCount[];
  readonly media?: readonly Media[];
}

/**
 * Formats `12:34 #3 ✓ [team] alice "Alice Lee" (edited, to #1 "hello"): yes [👍 2]`. The parts of the program stand
 * before the colon, where no text of others can imitate them.
 */
export function messageLine(message: ShownMessage): string {
  const { sender, name = "", body, sendTime, where, number = 0, ticks = "", answers = "", reactions = [] } = message;
  const { media = [] } = message;
  const kind = kinds[message.type ?? 1];
  const marks = [
    ...(kind === undefined ? [] : [kind]),
    ...media.map(({ name: file, size }) => `file ${quotedText(file)} ${sizeText(Number(size))}`),
    ...(message.isEdited === true ? ["edited"] : []),
    ...(message.isForMe === true ? ["mentions you"] : []),
    ...(answers === "" ? [] : [answers]),
  ];
  const head = [
    clockOf(sendTime),
    ...(number === 0 ? [] : [`#${number}`]),
    ...(ticks === "" ? [] : [ticks]),
    ...(where === "" ? [] : [`[${where}]`]),
    accountText(sender, cut(name, profileCells)),
    ...(message.isRecalled === true ? ["recalled this message"] : marks.length > 0 ? [`(${marks.join(", ")})`] : []),
  ].join(" ");
  if (message.isRecalled === true) return head;
  return `${head}: ${bodyText(body)}${reactions.length === 0 ? "" : ` [${reactionList(reactions)}]`}`;
}

/** Formats `12 KB`: at most four characters and the unit. */
function sizeText(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB"];
  let [size, unit] = [bytes, 0];
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit === 0 || size >= 10 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** Formats `ann "Ann Lee"`: the account comes first, since a name can be anybody's. A name cannot end its quotes. */
export function accountText(account: string, name: string): string {
  return name === "" || name === account ? namedText(account) : `${namedText(account)} ${quotedText(name)}`;
}

/** Formats `👍 2, ❤ 1`. */
export function reactionList(reactions: readonly ReactionCount[]): string {
  return reactions.map(({ reaction, count }) => `${signText(reaction)} ${count.toLocaleString("en-US")}`).join(", ");
}

/** Formats a reaction: a pictograph as it is, anything else as a name. */
export function signText(reaction: string): string {
  return /^\p{Extended_Pictographic}[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\u200d]*$/u.test(reaction)
    ? printable(reaction)
    : namedText(reaction);
}

/** Formats what a message answers: `to #3 "are you th…"`. `number`: 0 if it stands beside no message. */
export function quote(number: number, { body, isRecalled }: Pick<ChatMessage, "body" | "isRecalled">): string {
  const which = number === 0 ? "" : ` #${number}`;
  return `to${which} ${isRecalled ? "a recalled message" : `"${cut(bodyText(body), quoteCells)}"`}`;
}

/** Formats `12:34`, in the local time zone. */
function clockOf(sendTime: bigint): string {
  const time = new Date(Number(sendTime / 1_000_000n));
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** Formats a time by the local clock: `12:34`, with the date unless it is today. */
export function timeText(time: Date): string {
  const clock = clockOf(BigInt(time.getTime()) * 1_000_000n);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? clock : `${formattedDate.format(time)}, ${clock}`;
}

/** Formats a body as one line: a tab as blanks, and a newline of any system as `⏎`. */
export function bodyText(body: string): string {
  return printable(body.replaceAll("\t", "  ").replaceAll("\r\n", "\n")).replace(blankRun, blankRunShown);
}

/** Formats `alice, bob and 9,988 others`, with at most `max` names, of `count`. */
export function nameList(names: readonly string[], max = namesMax, count = names.length): string {
  const shown = names.slice(0, max).map(namedText).join(", ");
  const left = count - Math.min(names.length, max);
  if (left <= 0) return shown;
  const others = `${left.toLocaleString("en-US")} ${left === 1 ? "other" : "others"}`;
  return shown === "" ? others : `${shown} and ${others}`;
}

/** Formats a line of /conversations, of at most `columns` cells if there is a width. */
export function conversationLine(
  name: string,
  { unread, isAtLeast, unreadMentions, isPinned, isMuted, lastMessage }: ConversationState,
  columns: number | undefined,
): string {
  const marks = [
    ...(unread === 0 ? [] : [`${unread.toLocaleString("en-US")}${isAtLeast ? "+" : ""} unread`]),
    ...(unreadMentions === 0 ? [] : ["you are mentioned"]),
    ...(isPinned ? ["pinned"] : []),
    ...(isMuted ? ["muted"] : []),
  ];
  const head = `* ${name}${marks.length === 0 ? "" : ` (${marks.join(", ")})`}`;
  if (lastMessage === undefined) return columns === undefined ? head : cut(head, columns);
  const line = `${head}  ${messageLine({ ...lastMessage, where: "", reactions: [] })}`;
  return columns === undefined ? line : cut(line, columns);
}

/** Formats `* 1,000+ unread`, and how many of them are shown if that is not all. */
export function unreadLine(
  { unread, isAtLeast }: Pick<ConversationState, "unread" | "isAtLeast">,
  shown: number,
): string {
  const count = `${unread.toLocaleString("en-US")}${isAtLeast ? "+" : ""}`;
  return `* ${count} unread${shown < unread ? `, the last ${shown} of them here` : ""}`;
}

/** The most groups that /groups shows. */
const listedMax = 200;

/** Returns the lines of /groups. */
export function groupLines(groups: readonly GroupState[]): string[] {
  if (groups.length === 0) return ["* you are in no groups; /group create NAME makes one"];
  const lines = groups.slice(0, listedMax).map(({ id, name, role, memberCount }) => {
    const count = `${memberCount.toLocaleString("en-US")} ${memberCount === 1 ? "member" : "members"}`;
    return `* ${namedText(name)}  ${namedText(id)}  (${role === "member" ? count : `${count}, ${role}`})`;
  });
  const more = groups.length - listedMax;
  return more > 0 ? [...lines, `* and ${more.toLocaleString("en-US")} more`] : lines;
}
