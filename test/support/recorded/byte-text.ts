// Bytes as text that people can read and compare: hexadecimal digits, printable runs in quotes, long runs of one byte
// as `61*16385`, and values that differ from run to run as `{kind name}`. Spaces separate and mean nothing.
//
//   02 0000001c c311a365 00000010 0a0c 'login.signin' 1801 00000000
//   0a16 {channel alice}

/** What a value is, which decides how it is read and what it may be; see values.ts. */
export const valueKinds = ["token", "channel", "group", "message", "time", "second", "expiry", "date"] as const;
export type ValueKind = (typeof valueKinds)[number];

export interface Variable {
  readonly kind: ValueKind;
  readonly name: string;
}

/** A part of a text: bytes as they are, or a value. */
export type Segment = Buffer | Variable;

/** Shorter runs of printable characters stay hexadecimal: they may be lengths and tags. */
const quotedMin = 4;
const repeatedMin = 32;
const lexeme = /\{(\w+) ([^}]*)\}|([0-9a-f]{2})\*(\d+)|'([^']*)'|((?:[0-9a-f]{2})+)|\s+/gy;

/** Reads the notation. Throws if the text is malformed. */
export function parseBytes(text: string): Segment[] {
  const segments: Segment[] = [];
  let read = 0;
  for (const [whole, kind, name = "", repeated, count, quoted, hex] of text.matchAll(lexeme)) {
    read += whole.length;
    if (kind !== undefined) segments.push({ kind: kindOf(kind), name });
    else if (repeated !== undefined) segments.push(Buffer.alloc(Number(count), repeated, "hex"));
    else if (quoted !== undefined) segments.push(Buffer.from(quoted, "latin1"));
    else if (hex !== undefined) segments.push(Buffer.from(hex, "hex"));
  }
  if (read < text.length) throw new Error(`malformed bytes at character ${read}: ${text.slice(read, read + 40)}`);
  return segments;
}

/** Writes the notation. */
export function writeBytes(segments: readonly Segment[]): string {
  return segments
    .map((segment) => (Buffer.isBuffer(segment) ? writeLiteral(segment) : `{${segment.kind} ${segment.name}}`))
    .filter((text) => text !== "")
    .join(" ");
}

function kindOf(text: string): ValueKind {
  const kind = valueKinds.find((each) => each === text);
  if (kind === undefined) throw new Error(`no kind of value: ${text}`);
  return kind;
}

const isQuotable = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== 0x27;

function writeLiteral(bytes: Buffer): string {
  const words: string[] = [];
  let hex = "";
  const endHex = (): void => {
    if (hex !== "") words.push(hex);
    hex = "";
  };
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    const repeated = repeatedAt(bytes, at);
    const quotable = quotableAt(bytes, at);
    const digits = byte.toString(16).padStart(2, "0");
    if (repeated >= repeatedMin) {
      endHex();
      words.push(`${digits}*${repeated}`);
      at += repeated;
    } else if (quotable >= quotedMin) {
      endHex();
      words.push(`'${bytes.toString("latin1", at, at + quotable)}'`);
      at += quotable;
    } else {
      hex += digits;
      at++;
    }
  }
  endHex();
  return words.join(" ");
}

/** How often the byte at `start` comes in a row. */
function repeatedAt(bytes: Buffer, start: number): number {
  let end = start;
  while (end < bytes.length && bytes[end] === bytes[start]) end++;
  return end - start;
}

/** The length of the printable run at `start`, up to a long run of one byte. */
function quotableAt(bytes: Buffer, start: number): number {
  let end = start;
  while (end < bytes.length && isQuotable(bytes[end] ?? 0)) {
    const repeated = repeatedAt(bytes, end);
    if (repeated >= repeatedMin) break;
    end += repeated;
  }
  return end - start;
}
