// The generator's side of WebSocket: whole messages out of any pieces, and a sentence for what it does not understand.

import { expect, test } from "bun:test";
import { WebSocketReader } from "../../bench/generator/web-socket-reader.ts";

const upgrade = Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");

class Heard {
  readonly said: string[] = [];
  binaryReceived(bytes: Buffer, start: number, end: number): void {
    this.said.push(`binary ${bytes.toString("latin1", start, end)}`);
  }
  pingReceived(payload: Buffer): void {
    this.said.push(`ping ${payload.toString("latin1")}`);
  }
  pongReceived(): void {
    this.said.push("pong");
  }
  closeReceived(payload: Buffer): void {
    this.said.push(`close ${payload.toString("latin1")}`);
  }
}

function frame(first: number, payload: string): Buffer {
  const body = Buffer.from(payload, "latin1");
  const head = body.length < 126 ? [first, body.length] : [first, 126, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from(head), body]);
}

const long = "y".repeat(300);
const stream = Buffer.concat([
  upgrade,
  frame(0x82, "one"),
  frame(0x89, "are you there"),
  frame(0x82, long),
  frame(0x88, "\x03\xf4later"),
]);
const whole = ["binary one", "ping are you there", `binary ${long}`, "close 1012 later"];

test("frames split at any byte come whole and in order", () => {
  for (let at = 1; at < stream.length; at++) {
    const heard = new Heard();
    let upgrades = 0;
    const reader = new WebSocketReader(heard, 1024, () => upgrades++);
    for (const piece of [stream.subarray(0, at), stream.subarray(at)]) expect(reader.push(piece)).toBeUndefined();
    expect(heard.said).toEqual(whole);
    expect(upgrades).toBe(1);
  }
});

test("frames that come byte by byte come whole and in order", () => {
  const heard = new Heard();
  const reader = new WebSocketReader(heard, 1024, () => undefined);
  for (const byte of stream) expect(reader.push(Buffer.from([byte]))).toBeUndefined();
  expect(heard.said).toEqual(whole);
});

test.each([
  ["an upgrade that is refused", Buffer.from("HTTP/1.1 404 Not Found\r\n\r\n"), /404 Not Found/],
  ["a fragment", Buffer.concat([upgrade, frame(0x02, "half")]), /fragmented/],
  ["a compressed message", Buffer.concat([upgrade, frame(0xc2, "zip")]), /compressed/],
  ["a text message", Buffer.concat([upgrade, frame(0x81, "text")]), /not binary/],
  ["a masked frame", Buffer.concat([upgrade, Buffer.from([0x82, 0x81, 0, 0, 0, 0, 1])]), /masks/],
  ["a message that is too large", Buffer.concat([upgrade, frame(0x82, "z".repeat(2000))]), /too large/],
])("%s ends the connection with a sentence", (_, bytes, sentence) => {
  const heard = new Heard();
  const reader = new WebSocketReader(heard, 1024, () => undefined);
  expect(reader.push(bytes)?.text).toMatch(sentence);
  expect(reader.push(frame(0x82, "more"))).toBeUndefined();
  expect(heard.said).toEqual([]);
});
