// The headers with which files are given out, whoever holds them. What somebody has uploaded is hostile: a browser must
// neither guess another type, nor run it in the origin of anything else.

import type { MediaItem } from "../store/media.ts";

/** What a browser shows without a program of the file's own: neither SVG, nor HTML, nor PDF. */
const shownInline = /^(image\/(png|jpeg|gif|webp|avif|bmp)|(audio|video)\/[a-z0-9.+-]+|text\/plain)$/;

/** RFC 5987, section 3.2.1: what of a name needs no escape. */
const unescaped = /[A-Za-z0-9!#$&+.^_`|~-]/;

/** The type as given out. Text without a charset is read as whatever the reader's system uses. */
export function contentType({ type }: Pick<MediaItem, "type">): string {
  return type === "text/plain" ? "text/plain; charset=utf-8" : type;
}

/** RFC 6266: the name in ASCII for old programs, and in UTF-8. */
export function contentDisposition({ name, type }: Pick<MediaItem, "name" | "type">): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%;]/g, "_");
  const encoded = Array.from(new TextEncoder().encode(name), (byte) => {
    const character = String.fromCharCode(byte);
    return unescaped.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
  const how = shownInline.test(type) ? "inline" : "attachment";
  return `${how}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
