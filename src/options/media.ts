// The values of --media, and the places that they name, whose code is loaded when it is used.

import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { uploadSlackBytes } from "../base/limits/fixed.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import { RareLog } from "../base/rare-log.ts";
import { reasonOf } from "../base/reason-of.ts";
import type { MediaPlace } from "../media/media-place.ts";
import { parseS3, type S3Credentials, type S3Location } from "../media/s3/s3-location.ts";
import type { Pages } from "../transport/page-requests.ts";

/** What `--media` says. */
type MediaChoice =
  | { readonly kind: "off" }
  | { readonly kind: "folder" }
  | { readonly kind: "s3"; readonly location: S3Location };

/** Throws what was expected. */
export function parseMedia(text: string): MediaChoice {
  if (text === "off" || text === "folder") return { kind: text };
  if (!text.startsWith("s3:")) throw new Error("off, folder, or s3://bucket?region=…&endpoint=https://…");
  return { kind: "s3", location: parseS3(text) };
}

/**
 * The origins of the addresses that tickets name, besides that of the listener that a client is connected to.
 * `mediaUrl`: as `openMedia` takes it.
 */
export function mediaOriginsOf(choice: MediaChoice, mediaUrl = ""): readonly string[] {
  if (choice.kind === "s3") return [choice.location.endpoint];
  return choice.kind === "folder" && mediaUrl !== "" ? [new URL(mediaUrl).origin] : [];
}

/** Where files are, and what listeners answer for them; undefined: nowhere. */
interface OpenedMedia {
  readonly place: MediaPlace | undefined;
  /** For the listener of clients. */
  readonly pages: Pages | undefined;
  /** For the API's listener: `admitted` is called when a request has shown that it may be served. */
  readonly page: ((request: Request, admitted: () => void) => Promise<Response> | undefined) | undefined;
}

/** Opens the place. Throws what the system finds wrong with a folder. */
export async function openMedia(
  choice: MediaChoice,
  {
    dataFolder = "",
    mediaUrl = "",
    s3Credentials,
    limits,
    log,
  }: {
    /** Of a standalone server: the folder is in it. */
    readonly dataFolder?: string;
    /** See FolderPlace. */
    readonly mediaUrl?: string | undefined;
    readonly s3Credentials?: S3Credentials | undefined;
    readonly limits: Limits;
    readonly log: Log;
  },
): Promise<OpenedMedia> {
  if (choice.kind === "off") return { place: undefined, pages: undefined, page: undefined };
  if (choice.kind === "folder") {
    const { FolderPlace } = await import("../media/folder/folder-place.ts");
    const { FolderServer } = await import("../media/folder/folder-server.ts");
    if (dataFolder === "") throw new Error("files are in a folder only where messages are in a file of the process");
    const place = new FolderPlace(join(dataFolder, "media"), mediaUrl, systemClock);
    const server = new FolderServer(place, systemClock, new RareLog(log, systemClock));
    const pages = {
      bodyBytesMax: limits.values.mediaBytes + uploadSlackBytes,
      answer: (request: Request) => server.answer(request),
    };
    return { place, pages, page: (request, admitted) => server.answer(request, admitted) };
  }
  if (s3Credentials === undefined) throw new Error("credentials are required before the store of files is opened");
  const { S3Place } = await import("../media/s3/s3-place.ts");
  const place = new S3Place(choice.location, s3Credentials, systemClock);
  // It may be away, or allow to write only: the start does not depend on it.
  place.probe().catch((error: unknown) => {
    log.warn("The store of files cannot be read; uploads and downloads fail until it can.", {
      reason: reasonOf(error),
    });
  });
  return { place, pages: undefined, page: undefined };
}
