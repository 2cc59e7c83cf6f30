// The commands (proto/README.md, section 5) and the meta keys (section 3) of the wire protocol.

import * as Command from "./command-names.ts";

export { Command };

/** One of the commands. */
export type CommandName = (typeof Command)[keyof typeof Command];

/** The reserved meta keys: only services set them, and those of clients are removed. */
export const MetaKey = {
  /** The gateway that a packet comes from or goes to. */
  DestServer: "dest.server",
  /** The channel ids of a push's receivers, joined by commas. */
  DestChannels: "dest.channels",
  /**
   * Of a push whose body is not for all receivers: `bytes,count`, two decimal numbers. The first `count` channels of
   * dest.channels get only the first `bytes` bytes of the body. Absent: all of them get everything.
   */
  DestPlain: "dest.plain",
  App: "app",
  Account: "account",
} as const;
export type MetaKey = (typeof MetaKey)[keyof typeof MetaKey];

/** Reports whether a push may be dropped where much waits, before any message is: what it says is soon said again. */
export function isDroppable(command: string): boolean {
  return command === Command.PresenceChanged || command === Command.Signal;
}

/** Commands of these parts belong to the chat service, too. */
const chatParts: readonly string[] = ["account", "presence"];

/** Returns the service of a command: the part before its first dot, or chat; undefined without one. */
export function serviceOf(command: string): string | undefined {
  const dot = command.indexOf(".");
  if (dot <= 0) return undefined;
  const part = command.slice(0, dot);
  return chatParts.includes(part) ? "chat" : part;
}
