// Parses pages of a database file, for files whose schema is lost: whether a page belongs to a table or an index, which
// pages are its children, and its rows. The bytes are not trusted; an inconsistent page counts as no page.
//
//   page    offset 0   1 byte    2 index, 5 table (both with children); 10 index, 13 table (both leaves)
//           offset 3   2 bytes   number of cells        (sqlite.org/fileformat2.html, B-tree Pages)
//           offset 8   4 bytes   last child, if the page has children
//           then       2 bytes for each cell: its offset
//   cell    4 bytes for a child, if the page has children; the record's length and the rowid (of a table), or the
//           record's length and the record (of an index); a table's leaf has length, rowid and record

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export const pageBytes = 4096;
/** Page 1 begins with the file's header. */
export const fileHeadBytes = 100;
const cellsMax = pageBytes / 4;

export type PageKind = "table" | "index";
/** Undefined: a value beyond the page, or of an unknown type. */
type Value = null | bigint | number | string | Uint8Array | undefined;

export interface Record {
  /** Undefined in an index. */
  readonly rowid: bigint | undefined;
  readonly values: readonly Value[];
}

export interface BtreePage {
  readonly kind: PageKind;
  readonly isLeaf: boolean;
  readonly children: readonly number[];
  readonly cells: readonly number[];
  readonly bytes: Buffer;
}

/** The pages of a file, numbered from 1. Each call reads the file. */
export class PageFile {
  private readonly file: number;
  readonly pages: number;

  constructor(path: string) {
    this.file = openSync(path, "r");
    this.pages = Math.floor(fstatSync(this.file).size / pageBytes);
  }

  /** Returns undefined if the file has no such page. The caller owns the bytes. */
  read(page: number): Buffer | undefined {
    if (page < 1 || page > this.pages) return undefined;
    const bytes = Buffer.alloc(pageBytes);
    readSync(this.file, bytes, 0, pageBytes, (page - 1) * pageBytes);
    return bytes;
  }

  /** Returns undefined if the page is not a valid page of a table or an index. */
  btree(page: number): BtreePage | undefined {
    const bytes = this.read(page);
    return bytes === undefined ? undefined : parsePage(bytes, page === 1 ? fileHeadBytes : 0, this.pages);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** By a page's first byte. */
const pageTypes: { readonly [type: number]: Pick<BtreePage, "kind" | "isLeaf"> } = {
  0x02: { kind: "index", isLeaf: false },
  0x05: { kind: "table", isLeaf: false },
  0x0a: { kind: "index", isLeaf: true },
  0x0d: { kind: "table", isLeaf: true },
};

function parsePage(bytes: Buffer, at: number, pages: number): BtreePage | undefined {
  const type = pageTypes[bytes[at] ?? 0];
  const count = bytes.readUInt16BE(at + 3);
  if (type === undefined || count > cellsMax) return undefined;
  const pointersAt = at + (type.isLeaf ? 8 : 12);
  const cells: number[] = [];
  for (let i = 0; i < count; i++) {
    const cell = bytes.readUInt16BE(pointersAt + 2 * i);
    if (cell < pointersAt + 2 * count || cell > pageBytes - 4) return undefined;
    cells.push(cell);
  }
  const children = type.isLeaf ? [] : [...cells.map((cell) => bytes.readUInt32BE(cell)), bytes.readUInt32BE(at + 8)];
  // A truncated file lacks some children.
  return { ...type, children: children.filter((child) => child > 1 && child <= pages), cells, bytes };
}

/** Parses a cell as far as it is on its page; undefined if it has no valid record. */
export function recordAt({ kind, isLeaf, bytes }: BtreePage, cell: number): Record | undefined {
  if (kind === "table" && !isLeaf) return undefined;
  const reader = new Reader(bytes, cell + (isLeaf ? 0 : 4));
  reader.varint();
  const rowid = kind === "table" ? BigInt.asIntN(64, reader.varint()) : undefined;
  const values = valuesOf(reader, pageBytes);
  return values && { rowid, values };
}

/**
 * Parses a cell of a table's leaf whole, with the pages on which a long record goes on: bytes of others are never taken
 * for it. Undefined if it has no valid record, or if those pages are not there.
 */
export function wholeRecordAt(file: PageFile, page: BtreePage, cell: number): Record | undefined {
  if (page.kind !== "table" || !page.isLeaf) return undefined;
  const reader = new Reader(page.bytes, cell);
  const length = Number(reader.varint());
  const rowid = BigInt.asIntN(64, reader.varint());
  const content = contentOf(file, page.bytes, reader.at, length);
  const values = content && valuesOf(new Reader(content, 0), length);
  return values && { rowid, values };
}

/** The numbers of the pages on which a cell of a table's leaf goes on, as far as they are there. */
export function overflowOf(file: PageFile, page: BtreePage, cell: number): number[] {
  const reader = new Reader(page.bytes, cell);
  const length = Number(reader.varint());
  reader.varint();
  const pages: number[] = [];
  contentOf(file, page.bytes, reader.at, length, pages);
  return pages;
}

/** Of which a page has this many bytes at most; a longer record has fewer on its first page (B-tree Cell Format). */
const localMax = pageBytes - 35;
const localMin = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
const overflowBytes = pageBytes - 4;

function contentOf(
  file: PageFile,
  bytes: Buffer,
  at: number,
  length: number,
  pages: number[] = [],
): Buffer | undefined {
  if (length <= localMax) return at + length <= pageBytes ? bytes.subarray(at, at + length) : undefined;
  if (length > file.pages * pageBytes) return undefined;
  const wanted = localMin + ((length - localMin) % overflowBytes);
  const local = wanted <= localMax ? wanted : localMin;
  if (at + local + 4 > pageBytes) return undefined;
  const parts = [bytes.subarray(at, at + local)];
  let next = bytes.readUInt32BE(at + local);
  for (let left = length - local; left > 0; left -= overflowBytes) {
    const page = next > 1 ? file.read(next) : undefined;
    if (page === undefined) return undefined;
    pages.push(next);
    parts.push(page.subarray(4, 4 + Math.min(left, overflowBytes)));
    next = page.readUInt32BE(0);
  }
  // The last page of a record names no other.
  return next === 0 ? Buffer.concat(parts) : undefined;
}

/** The values of a record that begins here; `end` bounds its head. */
function valuesOf(reader: Reader, end: number): Value[] | undefined {
  const headAt = reader.at;
  const headEnd = headAt + Number(reader.varint());
  if (headEnd > end) return undefined;
  const types: number[] = [];
  while (reader.at < headEnd) types.push(Number(reader.varint()));
  return reader.at === headEnd ? types.map((type) => reader.value(type)) : undefined;
}

class Reader {
  private readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Reads 1 to 9 bytes, most significant first; bytes beyond the page are 0. */
  varint(): bigint {
    let value = 0n;
    for (let i = 0; i < 8; i++) {
      const byte = this.bytes[this.at++] ?? 0;
      value = (value << 7n) | BigInt(byte & 0x7f);
      if (byte < 0x80) return value;
    }
    return (value << 8n) | BigInt(this.bytes[this.at++] ?? 0);
  }

  value(type: number): Value {
    if (type === 0) return null;
    if (type === 8 || type === 9) return BigInt(type - 8);
    const length = type < 8 ? ([0, 1, 2, 3, 4, 6, 8, 8][type] ?? 0) : Math.floor((type - 12) / 2);
    const { at, bytes } = this;
    this.at += length;
    if (type >= 12) {
      const content = bytes.subarray(at, at + length);
      return type % 2 === 1 ? content.toString("utf8") : content;
    }
    if (type > 9 || at + length > bytes.length) return undefined;
    if (type === 7) return bytes.readDoubleBE(at);
    let value = 0n;
    for (let i = at; i < at + length; i++) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    return BigInt.asIntN(8 * length, value);
  }
}
