// Requests that move an account's read cursors forward, made before anything is measured: the first message of each
// conversation in turn, then the second one of each, and so on, so that each request advances a cursor.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { ConversationReadReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import type { Dialect } from "./dialect.ts";
import type { NumberedRequests } from "./load-client.ts";
import { sequenceFirst } from "./numbered-talk.ts";

/** A message that a cursor can move to. */
interface CursorMove {
  readonly account: string;
  readonly messageId: bigint;
}

export class CursorMoves implements NumberedRequests {
  readonly count: number;
  private readonly moves: readonly CursorMove[];
  private readonly frames: readonly Buffer[];

  /** `conversations`: of each partner, the ids of its messages, which rise. */
  constructor(dialect: Dialect, conversations: ReadonlyMap<string, readonly bigint[]>) {
    this.moves = inTurns(conversations);
    this.count = this.moves.length;
    this.frames = this.moves.map((move, number) => {
      const body = toBinary(ConversationReadReqSchema, create(ConversationReadReqSchema, { ...move }));
      return dialect.frame(
        encodeLogicPacket({ command: Command.ConversationRead, sequence: sequenceFirst + number }, body),
      );
    });
  }

  frameOf(number: number): Buffer {
    const frame = this.frames[number];
    if (frame === undefined) throw new Error(`there are ${this.count} moves, and none has the number ${number}`);
    return frame;
  }

  /** Each frame has its number already. */
  patch(): void {}

  /** Where the cursors are after the first `count` moves, by partner. */
  cursorsAfter(count: number): ReadonlyMap<string, bigint> {
    return new Map(this.moves.slice(0, count).map(({ account, messageId }) => [account, messageId]));
  }
}

function inTurns(conversations: ReadonlyMap<string, readonly bigint[]>): CursorMove[] {
  const longest = Math.max(0, ...[...conversations.values()].map(({ length }) => length));
  const moves: CursorMove[] = [];
  for (let turn = 0; turn < longest; turn++) {
    for (const [account, ids] of conversations) {
      const messageId = ids[turn];
      if (messageId !== undefined) moves.push({ account, messageId });
    }
  }
  return moves;
}
