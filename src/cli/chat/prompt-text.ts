// The prompt: where one is, who types there, and what is unread elsewhere. It leaves room to type in its row.

import { cut } from "./rows.ts";

/** What is always left of a name, in cells. */
const nameMin = 12;

/**
 * Formats `[team] ann is typing +3> `. Of a prompt that takes more than half of a row, the name is cut; the rest, too,
 * beyond three quarters.
 */
export function promptText(name: string, others: readonly string[], columns = Infinity): string {
  const rest = others.filter((other) => other !== "").join(" ");
  const nameMax = Math.max(nameMin, Math.floor(columns / 2) - Bun.stringWidth(rest));
  const text = [cut(name, nameMax), rest].filter((part) => part !== "").join(" ");
  return `${cut(text, Math.max(nameMin, Math.floor((columns * 3) / 4)))}> `;
}
