// Messages as lines of a terminal. What others wrote is shown, never obeyed, and does not pass for a line of ours: those
// begin with a mark, a message with its time, and a name that is no plain word stands in quotes.

import { namedText, printable } from "../../base/printable.ts";

/** Blanks that fill the rest of a line would make a body's end look like the next line. */
const blankRun = /[\p{Zs}\u2800]{4,}/gu;
const blankRunShown = "   ";

/** `12:34 alice: hello`, with the group in front where there is one. */
export function messageLine(message: { sender: string; group: string; body: string; sendTime: bigint }): string {
  const time = new Date(Number(message.sendTime / 1_000_000n));
  const clock = `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
  const where = message.group === "" ? "" : ` [${namedText(message.group)}]`;
  return `${clock}${where} ${namedText(message.sender)}: ${bodyText(message.body)}`;
}

/** A message's body in one line. */
function bodyText(body: string): string {
  return printable(body).replace(blankRun, blankRunShown);
}
