import { expect, test } from "bun:test";
import { closeKicked, closeNormal } from "../../src/wire/close-reason.ts";
import {
  closeFrame,
  frameHeaderBytes,
  parseCloseText,
  pingFrame,
  pongFrame,
  writeFrameHeader,
} from "../../src/wire/frame-writer.ts";

test("a frame header is the opcode and a big-endian length", () => {
  const target = Buffer.alloc(9, 0xee);
  writeFrameHeader(target, 2, 2, 0x01020304);
  expect(target.toString("hex")).toBe("eeee0201020304eeee");
  writeFrameHeader(target, 2, 9, 0xfffffffe);
  expect(target.toString("hex")).toBe("eeee09fffffffeeeee");
});

test("the heartbeat frames are five bytes", () => {
  expect(pingFrame.toString("hex")).toBe("0900000000");
  expect(pongFrame.toString("hex")).toBe("0a00000000");
});

test("a close frame says code and sentence, and reads back", () => {
  for (const reason of [closeNormal, closeKicked, { code: 1002, text: "" }, { code: 4003, text: "新 令牌" }]) {
    const frame = closeFrame(reason);
    expect(frame[0]).toBe(8);
    expect(frame.readUInt32BE(1)).toBe(frame.length - frameHeaderBytes);
    expect(parseCloseText(frame.subarray(frameHeaderBytes))).toEqual(reason);
  }
  expect(closeFrame(closeNormal).toString("utf8", frameHeaderBytes)).toBe("1000 bye");
});

test("a long sentence is cut to 125 bytes between characters", () => {
  for (const character of ["a", "é", "明", "🙂"]) {
    for (let shift = 0; shift < 4; shift++) {
      const payload = closeFrame({ code: 1002, text: "x".repeat(shift) + character.repeat(200) }).subarray(
        frameHeaderBytes,
      );
      expect(payload.length).toBeLessThanOrEqual(125);
      expect(payload.length).toBeGreaterThan(125 - Buffer.byteLength(character));
      expect(payload.toString()).not.toContain("\u{fffd}");
    }
  }
});

test("foreign close texts are a normal close with that text", () => {
  for (const text of ["bye", "0999 x", "5000 x", "10000", "1000x", "1002\tx", " 1002 x"]) {
    expect(parseCloseText(Buffer.from(text))).toEqual({ code: 1000, text });
  }
  expect(parseCloseText(Buffer.alloc(0)).code).toBe(1000);
  expect(parseCloseText(Buffer.from([0xff, 0xfe])).code).toBe(1000);
  expect(parseCloseText(Buffer.from("1013 slow\nconsumer"))).toEqual({ code: 1013, text: "slow\nconsumer" });
});
