// What is believed of pictures before they are decoded, and of the sizes that others send.

import { expect, test } from "bun:test";
import { pictureType } from "../../src/web/state/picture-head.ts";
import { extraOf, sizesIn } from "../../src/web/state/picture-size.ts";

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const png = (width: string, height: string) => hex(`89504e470d0a1a0a 0000000d 49484452 ${width} ${height} 0806000000`);
const riff = (form: string) => hex(`52494646 00000000 57454250 ${form}`);

test.each([
  ["image/png", png("00000280", "00000190")],
  ["image/gif", hex("474946383961 8002 9001")],
  ["image/jpeg", hex("ffd8 ffe0 0004 0000 ffc4 0003 00 ffc2 0011 08 0190 0280 03")],
  ["image/webp", riff("56503858 0a000000 00000000 7f0200 8f0100")],
  ["image/webp", riff("5650384c 00000000 2f 7fc26300 00")],
  ["image/webp", riff("56503820 00000000 000000 9d012a 8002 9001")],
])("a picture is told by its first bytes: %s", (type, head) => {
  expect(pictureType(head)).toBe(type);
});

test.each([
  ["claims 100 megapixels", png("00002710", "00002710")],
  ["has no width", png("00000000", "00000190")],
  ["ends too early", png("00000280", "00000190").slice(0, 20)],
  ["is SVG", new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg' onload='ran=1'/>")],
  ["is empty", new Uint8Array()],
  ["is a JPEG without a frame", hex("ffd8 ffe0 0004 0000 0000 0000")],
])("what %s is not decoded", (_, head) => {
  expect(pictureType(head)).toBeUndefined();
});

test("sizes come back as they were sent", () => {
  expect(sizesIn(extraOf([[640, 400], undefined]))).toEqual([[640, 400], undefined]);
  expect(extraOf([undefined])).toBe("");
});

test.each(["", "x", "null", "[]", '{"sizes":1}'])("an extra of another kind has no sizes: %p", (extra) => {
  expect(sizesIn(extra)).toEqual([]);
});

test("a size that makes no sense is none", () => {
  const sizes = [null, 1, {}, [], [1], [0, 1], [1e9, 1], [1, "1"], ["a"]];
  expect(sizesIn(JSON.stringify({ sizes }))).toEqual(sizes.map(() => undefined));
});
