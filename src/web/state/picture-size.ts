// The sizes of pictures, which the message itself carries, in `extra`: they hold the room of a picture before anything
// is downloaded.
//
//   {"sizes":[[4032,3024],null]}   width and height in pixels, in the order of the files

import { headBytesMax, pictureType } from "./picture-head.ts";

/** Of what others claim, in pixels. */
const claimedMax = 100_000;

/** In pixels. */
export type PictureSize = readonly [width: number, height: number];

/** The type of a file that a browser may decode, by its content, whatever its name says. */
export async function typeOfPicture(file: Blob): Promise<string | undefined> {
  return pictureType(new Uint8Array(await file.slice(0, headBytesMax).arrayBuffer()));
}

let last: Promise<unknown> = Promise.resolve();

/** One picture after the other is decoded, as it lies once it was turned. Undefined for what is none. Never rejects. */
export function sizeOfPicture(file: Blob): Promise<PictureSize | undefined> {
  const measured = last.then(() => measure(file)).catch(() => undefined);
  last = measured;
  return measured;
}

async function measure(file: Blob): Promise<PictureSize | undefined> {
  if ((await typeOfPicture(file)) === undefined) return undefined;
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  bitmap.close();
  return [width, height];
}

/** The `extra` of a message with these files; '' without pictures. */
export function extraOf(sizes: readonly (PictureSize | undefined)[]): string {
  // As a text has it: undefined is null there.
  return sizes.some(Boolean) ? JSON.stringify({ sizes }) : "";
}

/** The sizes in what somebody has sent; undefined for those that are none. */
export function sizesIn(extra: string): readonly (PictureSize | undefined)[] {
  try {
    const said: unknown = JSON.parse(extra);
    if (typeof said !== "object" || said === null || !("sizes" in said)) return [];
    return Array.isArray(said.sizes) ? said.sizes.map(checked) : [];
  } catch {
    return [];
  }
}

function checked(said: unknown): PictureSize | undefined {
  const [width, height]: readonly unknown[] = Array.isArray(said) ? said : [];
  return isSide(width) && isSide(height) ? [width, height] : undefined;
}

function isSide(value: unknown): value is number {
  return typeof value === "number" && value >= 1 && value <= claimedMax;
}
