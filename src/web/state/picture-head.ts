// What the first bytes of a picture say of it, before a browser decodes it: a few kilobytes may claim a picture of
// gigabytes. Pure.

/** Width times height of what is decoded: 50 megapixels take 200 MB. */
const pixelsMax = 50_000_000;
/** Where what is read of a picture ends: behind the profiles and small previews of cameras. */
export const headBytesMax = 512 * 1024;

/** Returns the type of a picture that a browser shows; undefined for all other files, and for one that is too large. */
export function pictureType(head: Uint8Array<ArrayBuffer>): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  try {
    const [type, width, height] = sizeOf(view);
    return width * height > 0 && width * height <= pixelsMax ? type : undefined;
  } catch (error) {
    // It ends too early.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type Size = readonly [type: string, width: number, height: number];

/** @throws RangeError for what ends before its size */
function sizeOf(view: DataView): Size {
  const first = view.getUint32(0);
  if (first === 0x89504e47) return ["image/png", view.getUint32(16), view.getUint32(20)];
  if (first === 0x47494638) return ["image/gif", view.getUint16(6, true), view.getUint16(8, true)];
  if (first >>> 8 === 0xffd8ff) return jpegSize(view);
  if (first === 0x52494646 && view.getUint32(8) === 0x57454250) return webpSize(view);
  return ["", 0, 0];
}

/** The first frame header (ITU-T T.81, B.2.2); the segments before it say how long they are. */
function jpegSize(view: DataView): Size {
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint16(at);
    if (marker < 0xff01) return ["", 0, 0];
    // SOF0 to SOF15, without DHT, JPG and DAC.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker))
      return ["image/jpeg", view.getUint16(at + 7), view.getUint16(at + 5)];
  }
}

/** RFC 9649: extended, lossless or lossy. */
function webpSize(view: DataView): Size {
  const type = "image/webp";
  const form = view.getUint8(15);
  const wide = (at: number): number => 1 + view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
  if (form === 0x58) return [type, wide(24), wide(27)];
  if (form === 0x4c) {
    const bits = view.getUint32(21, true);
    return [type, 1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  }
  return [type, view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}
