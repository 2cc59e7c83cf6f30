// An answer on its way to a socket that takes what it likes, and says that it takes more when it likes.

import { expect, test } from "bun:test";
import type { HttpAnswer } from "../../../src/transport/http/http-answer.ts";
import { type AnswerOwner, AnswerWriter } from "../../../src/transport/http/answer-writer.ts";

/** A socket that takes at most this many bytes a write. */
function socketTaking(bytesMax: number) {
  const taken: Buffer[] = [];
  const write = (data: string | Bun.BufferSource, offset = 0, length = 0): number => {
    if (!(data instanceof Uint8Array)) throw new Error("an answer is written as bytes");
    const bytes = Math.min(length, bytesMax);
    taken.push(Buffer.from(data.subarray(offset, offset + bytes)));
    return bytes;
  };
  return { write, text: () => Buffer.concat(taken).toString() };
}

function writerTo(socket: Pick<ReturnType<typeof socketTaking>, "write">): {
  writer: AnswerWriter<AnswerOwner>;
  sent: () => number;
} {
  let sent = 0;
  const owner: AnswerOwner = { socket, sent: () => void sent++, terminate: () => undefined, contain: (work) => work() };
  const writer = new AnswerWriter(owner, {
    mayHold: () => true,
    entered: () => undefined,
    hold: () => undefined,
    release: () => undefined,
    turnBytesLeft: Infinity,
    waitForTurn: () => undefined,
    date: () => "today",
  });
  return { writer, sent: () => sent };
}

test("pieces are sent whole and in order, however often the socket says that it takes more", async () => {
  function* pieces(): Generator<Uint8Array, undefined> {
    for (let index = 0; index < 20; index++) yield Buffer.from(`piece ${index};`.repeat(10));
  }
  const socket = socketTaking(50);
  const { writer, sent } = writerTo(socket);
  const answer: HttpAnswer = { status: 200, fields: {}, body: pieces() };
  writer.begin(answer, { isHead: false, isCurrent: false, isKept: false });
  while (sent() === 0) {
    for (let count = 0; count < 3; count++) writer.transmit();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const expected = Array.from({ length: 20 }, (_, index) => `piece ${index};`.repeat(10)).join("");
  expect(socket.text().split("\r\n\r\n")[1]).toBe(expected);
  expect(sent()).toBe(1);
});
