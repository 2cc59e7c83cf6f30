// Entries of the log as messages of the protocol.

import { create } from "@bufbuild/protobuf";
import { assert } from "../../base/assert.ts";
import { entryKind } from "../../store/conversations.ts";
import { type EntryDetail, EntryDetailSchema, EntryKind } from "../../wire/gen/pkt_pb.ts";

const kinds = new Map<number, EntryKind>(Object.values(EntryKind).map((kind) => [kind, kind]));

/** What an entry says besides its kind and what it is about. */
interface Said {
  readonly kind: number;
  readonly reaction: string;
  readonly isOff: boolean;
}

/** The fields that messages about entries share; a reaction is the only kind with a detail here. */
export function entryFields({ kind, reaction, isOff: off }: Said): { kind: EntryKind; detail?: EntryDetail } {
  const known = kinds.get(kind);
  assert(known !== undefined, "the store knows the kinds of the protocol");
  return kind === entryKind.reacted
    ? { kind: known, detail: create(EntryDetailSchema, { reaction, off }) }
    : { kind: known };
}
