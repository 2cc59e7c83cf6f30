// The files that talks name. Whether an upload is complete may have to be asked of where the files are, so such a talk
// waits; and the talks of its sender behind it wait with it, so that they stay in their order. All other talks pay one
// look at an empty map.

import { accountKey } from "../../../base/account-key.ts";
import { mediaIdCharacters, mediaMax } from "../../../base/limits/fixed.ts";
import type { MediaPlace } from "../../../media/media-place.ts";
import type { Context } from "../../../service/context.ts";
import { failRequest } from "../../../service/middleware/recover.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { MediaItem } from "../../../store/media.ts";
import type { Talk } from "../../../store/store.ts";
import { Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";

type Parts = Pick<ChatParts, "store" | "media" | "rates" | "rareLog" | "metrics">;

/** Throws NotImplemented where files have no place. */
export function requirePlace(place: MediaPlace | undefined): MediaPlace {
  if (place !== undefined) return place;
  throw new Refusal(Status.NotImplemented, "this server keeps no files; its operator has to start it with --media");
}

/** Returns the ids without duplicates. Throws InvalidPacketBody. */
export function checkedMedia(ids: readonly string[]): readonly string[] {
  if (ids.length > mediaMax) throw new Refusal(Status.InvalidPacketBody, `a message names at most ${mediaMax} files`);
  for (const id of ids)
    if (id.length !== mediaIdCharacters || /[^0-9A-Za-z]/.test(id))
      throw new Refusal(Status.InvalidPacketBody, "media must be ids of uploads, as tickets for them have them");
  return [...new Set(ids)];
}

export class TalkMedia {
  private readonly parts: Parts;
  /** For each account of which talks wait, when the last of them is done. A link bounds how many may wait. */
  private readonly waiting = new Map<string, Promise<void>>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Whether talks of this account have to wait for one before them. */
  holds(app: string, account: string): boolean {
    return this.waiting.size > 0 && this.waiting.has(accountKey(app, account));
  }

  /** Passes the talk on with its files when they are known, behind the talks of its sender that wait. */
  add(context: Context, talk: Talk, ids: readonly string[], pass: (talk: Talk) => void): void {
    const { app, sender } = talk;
    const key = accountKey(app, sender);
    const before = this.waiting.get(key);
    const found = ids.length === 0 ? undefined : this.find(context, talk, ids);
    const done = Promise.allSettled([found, before])
      .then(async () => pass(found === undefined ? talk : { ...talk, media: await found }))
      .catch((error: unknown) => failRequest(context, error, this.parts))
      .finally(() => {
        if (this.waiting.get(key) === done) this.waiting.delete(key);
      });
    this.waiting.set(key, done);
  }

  /**
   * Returns what the store knows of the files. Those that are not the sender's have nothing but their ids: the store
   * refuses them when it commits the talk, or confirms that it is a repetition.
   */
  private async find(context: Context, { app, sender }: Talk, ids: readonly string[]): Promise<MediaItem[]> {
    const { store, media, rates } = this.parts;
    const place = requirePlace(media);
    const own = await store.media.own(app, sender, ids);
    const promised = own.filter(({ isComplete }) => !isComplete);
    if (promised.length > 0) {
      rates.askMedia(context, promised.length);
      const settled = await Promise.all(promised.map(async (item) => ((await place.settle(item)) ? [item.id] : [])));
      const complete = settled.flat();
      if (complete.length > 0) await store.media.complete(app, sender, complete);
    }
    const items = new Map(own.map(({ id, name, type, size }) => [id, { id, name, type, size }]));
    return ids.map((id) => items.get(id) ?? { id, name: "", type: "", size: 0 });
  }
}
