// chat.media.ticket: what a client requests to upload a file, or to download the files of a message that it may read.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { systemAccount } from "../../../auth/names.ts";
import { mediaNameBytesMax, mediaTypeBytesMax } from "../../../base/limits/fixed.ts";
import type { MediaPlace, TicketRequest } from "../../../media/media-place.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import type { MediaItem } from "../../../store/media.ts";
import {
  type MediaDownload,
  MediaTicketReqSchema,
  MediaTicketRespSchema,
  type MediaTicketSchema,
  type MediaUpload,
  Status,
} from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { checkMessageId } from "../conversation-name.ts";
import { checkShown, isLongerThan } from "../text-bounds.ts";
import { MediaQuota } from "./media-quota.ts";
import { requirePlace } from "./talk-media.ts";

type Ticket = MessageInitShape<typeof MediaTicketSchema>;

const idBits = 128;
/** RFC 6838, section 4.2: a type and a subtype without parameters. */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

const whenUnnamed = "send them, or wait until they are removed, a day after their tickets";

/** Each ticket is charged to the account. */
export function mediaTicket(parts: ChatParts): Handler {
  const uses = new MediaQuota(parts.store.media, parts.clock);
  return async (context) => {
    const { upload, download } = context.body(MediaTicketReqSchema);
    const place = requirePlace(parts.media);
    if ((upload === undefined) === (download === undefined))
      throw new Refusal(Status.InvalidPacketBody, "exactly one of upload and download must be set");
    parts.rates.askMedia(context, 1);
    const tickets =
      upload === undefined
        ? await downloads(parts, place, context, download ?? { messageId: 0n, id: "" })
        : [await uploadTicket({ ...parts, uses }, place, context, upload)];
    context.respond(MediaTicketRespSchema, { tickets });
  };
}

async function uploadTicket(
  { store, random, limits, uses }: ChatParts & { readonly uses: MediaQuota },
  place: MediaPlace,
  context: Context,
  upload: MediaUpload,
): Promise<Ticket> {
  const { app, account } = context;
  const { mediaBytes, mediaUnnamed, mediaUnnamedBytes, mediaAccountBytes } = limits.values;
  if (upload.size > BigInt(mediaBytes)) {
    limits.met("mediaBytes", { app, account });
    throw new Refusal(Status.PayloadTooLarge, `a file has at most ${mediaBytes} bytes`);
  }
  const item = { id: random.base62(idBits), ...checkedUpload(upload) };
  // What a back end sends as the system is bounded by the back end.
  const isBounded = account !== systemAccount;
  const quota = isBounded && { bytesMax: mediaAccountBytes, ...(await uses.useOf(app, account)) };
  const result = await store.media.promise({ app, account, ...item, ...(quota && { quota }) });
  if (result !== "stored") {
    const refusals = {
      fullOfAll: [
        "mediaAccountBytes",
        `your files would have more than ${mediaAccountBytes} bytes: recall messages that name some`,
      ],
      fullOfBytes: [
        "mediaUnnamedBytes",
        `the files that no message names would have more than ${mediaUnnamedBytes} bytes: ${whenUnnamed}`,
      ],
      full: ["mediaUnnamed", `you have ${mediaUnnamed} files that no message names: ${whenUnnamed}`],
    } as const;
    const [limit, sentence] = refusals[result];
    limits.met(limit, { app, account });
    throw new Refusal(Status.Forbidden, sentence);
  }
  return ticketOf(item, await place.upload(item, JSON.stringify([app, account])));
}

async function downloads(
  { store, rates }: ChatParts,
  place: MediaPlace,
  context: Context,
  { messageId, id }: Pick<MediaDownload, "messageId" | "id">,
): Promise<Ticket[]> {
  checkMessageId(messageId);
  // The system reads all messages of an app.
  const reader = context.account === systemAccount ? undefined : context.account;
  const found = await store.media.ofMessage(context.app, reader, messageId);
  if (found === undefined) throw new Refusal(Status.NotFound, "there is no such message, or you may not read it");
  const items = id === "" ? found : found.filter((item) => item.id === id);
  if (items.length === 0)
    throw new Refusal(Status.NotFound, id === "" ? "the message has no files" : "the message has no such file");
  rates.askMedia(context, items.length - 1);
  return Promise.all(items.map(async (item) => ticketOf(item, await place.download(item))));
}

/** Throws InvalidPacketBody. */
function checkedUpload({ name, type, size }: MediaUpload): Omit<MediaItem, "id"> {
  if (name === "" || isLongerThan(name, mediaNameBytesMax) || /[/\\]/.test(name))
    throw new Refusal(
      Status.InvalidPacketBody,
      `name must have 1 to ${mediaNameBytesMax} bytes, and no path: neither "/" nor "\\"`,
    );
  checkShown("name", name);
  const lower = type.toLowerCase();
  if (type.length > mediaTypeBytesMax || !mediaType.test(lower))
    throw new Refusal(
      Status.InvalidPacketBody,
      `type must be a media type without parameters, such as image/png, of at most ${mediaTypeBytesMax} bytes`,
    );
  if (size < 1n) throw new Refusal(Status.InvalidPacketBody, "size must be the file's, at least 1 byte");
  return { name, type: lower, size: Number(size) };
}

function ticketOf(item: MediaItem, { method, url, headers, expiresAt }: TicketRequest): Ticket {
  return {
    media: { ...item, size: BigInt(item.size) },
    method,
    url,
    headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
    expiresAt: BigInt(expiresAt),
  };
}
