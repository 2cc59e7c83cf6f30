// Messages as lines of a terminal. What others wrote is shown, never obeyed: control characters are replaced.

/** Without control characters (C0, C1, DEL), bidirectional overrides included: no message moves the cursor or forges a line. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => (character === "\n" ? " ⏎ " : "�"));
}

/** `12:34 alice: hello`, with the group in front where there is one. */
export function messageLine(message: { sender: string; group: string; body: string; sendTime: bigint }): string {
  const time = new Date(Number(message.sendTime / 1_000_000n));
  const clock = `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
  const where = message.group === "" ? "" : ` [${printable(message.group)}]`;
  return `${clock}${where} ${printable(message.sender)}: ${printable(message.body)}`;
}
