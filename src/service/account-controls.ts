// What operators and back ends may do to an account: end its connections, revoke its tokens, ban it. All of it is in
// force on every gateway within a second (revocation-feed.ts).

import { nameRule, validName } from "../auth/names.ts";
import type { Clock } from "../base/clock.ts";
import { banMsMax, deviceBytesMax } from "../base/limits/fixed.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log, LogFields } from "../base/log.ts";
import type { Sessions } from "../session/sessions.ts";
import type { BanOutcome } from "../store/revocations.ts";
import type { Store } from "../store/store.ts";
import { Status } from "../wire/gen/pkt_pb.ts";
import { Refusal } from "./refusal.ts";

/** How far the clock of whoever asks may be ahead of this one. */
const clocksApartMs = 60_000;

export interface OfAccount {
  readonly app: string;
  readonly account: string;
}

/** What was done. */
interface Ended {
  /** The number by which gateways know it. */
  readonly id: string;
  /** Connections of that account (and device) that were signed in; null: the sessions could not be asked. */
  readonly connections: number | null;
  /** What is from before this time is ended: as asked, or later where it was already. Milliseconds since 1970. */
  readonly beforeMs: number;
}

interface Parts {
  readonly store: Pick<Store, "revoke" | "revocations" | "ban">;
  readonly sessions: Pick<Sessions, "locate">;
  /** Tells gateways; resolves when those that are linked are told. */
  readonly feed: { added(): Promise<void> };
  readonly limits: Limits;
  readonly log: Log;
  readonly clock: Pick<Clock, "wallMs">;
}

/** Each rejects with a Refusal for a bad argument or a full table, and with StoreUnavailable. */
export class AccountControls {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Ends the connections of a device; undefined: of all. */
  async kick({ app, account }: OfAccount, device: string | undefined): Promise<Ended> {
    if (device !== undefined && Buffer.byteLength(device) > deviceBytesMax)
      throw invalid(`the name of a device has at most ${deviceBytesMax} bytes`);
    const beforeMs = this.parts.clock.wallMs();
    return this.end({ app, account }, "an account was kicked out", device, beforeMs, () =>
      this.parts.store.revoke({ app, account, kind: "kick", device, beforeMs }),
    );
  }

  /** Refuses tokens that were issued before then; undefined: until now. */
  async revoke({ app, account }: OfAccount, before: number | undefined): Promise<Ended> {
    const beforeMs = before ?? this.now();
    if (!Number.isSafeInteger(beforeMs) || beforeMs < 0) throw invalid("beforeMs is a time in milliseconds since 1970");
    if (beforeMs > this.parts.clock.wallMs() + clocksApartMs)
      throw invalid("that time is to come: every token that is issued until then would be refused");
    return this.end({ app, account }, "the tokens of an account were revoked", undefined, beforeMs, () =>
      this.parts.store.revoke({ app, account, kind: "revoke", device: undefined, beforeMs }),
    );
  }

  /** Bans an account until then, in milliseconds since 1970; undefined: for good. */
  async ban({ app, account }: OfAccount, until: number | undefined): Promise<Ended & { readonly untilMs: number }> {
    const untilMs = until ?? banMsMax;
    if (!Number.isSafeInteger(untilMs) || untilMs < 0 || untilMs > banMsMax)
      throw invalid("the end of a ban is a time in milliseconds since 1970, not after the year 9999");
    if (untilMs <= this.parts.clock.wallMs()) throw invalid("the end of a ban is to come: that time is over");
    const beforeMs = this.now();
    const ended = await this.end({ app, account }, "an account was banned", undefined, beforeMs, () =>
      this.parts.store.ban({ app, account, beforeMs, untilMs }),
    );
    return { ...ended, untilMs };
  }

  /** Ends a ban; the tokens that it revoked stay revoked. False: there was none. */
  async unban({ app, account }: OfAccount): Promise<boolean> {
    requireNames(app, account);
    const { store, feed, log } = this.parts;
    const outcome = await store.ban({ app, account, beforeMs: 0, untilMs: 0 });
    if (outcome.result !== "stored") return false;
    await feed.added();
    log.info("the ban of an account was ended", { app, account });
    return true;
  }

  /** Times of issue are whole seconds: a token of this second may be from before now. */
  private now(): number {
    return (Math.floor(this.parts.clock.wallMs() / 1_000) + 1) * 1_000;
  }

  private async end(
    { app, account }: OfAccount,
    what: string,
    device: string | undefined,
    beforeMs: number,
    keep: () => Promise<BanOutcome>,
  ): Promise<Ended> {
    requireNames(app, account);
    const { store, feed, limits, log } = this.parts;
    // Asked before: afterwards they are gone.
    const connections = await this.count({ app, account }, device);
    const outcome = await keep();
    if (outcome.result !== "stored") {
      limits.met("revocations", { app, account });
      throw new Refusal(
        Status.RateLimited,
        `${limits.values.revocations} kicks and revocations are kept already; give the process a higher --limit ` +
          `revocations`,
      );
    }
    await feed.added();
    // It is kept, whether it can be read again or not.
    const [kept] = await store.revocations(outcome.id - 1n, 1).catch(() => []);
    const inForceMs = kept?.id === outcome.id ? kept.beforeMs : beforeMs;
    const fields: LogFields = { app, account, before: new Date(inForceMs).toISOString() };
    log.info(what, device === undefined ? fields : { ...fields, device });
    return { id: `${outcome.id}`, connections, beforeMs: inForceMs };
  }

  private async count({ app, account }: OfAccount, device: string | undefined): Promise<Ended["connections"]> {
    try {
      const [locations = []] = await this.parts.sessions.locate(app, [account]);
      return locations.filter((location) => device === undefined || location.device === device).length;
    } catch {
      // The sessions are away: it is in force all the same.
      return null;
    }
  }
}

function requireNames(app: string, account: string): void {
  if (!validName(app)) throw invalid(`app is no name: ${nameRule}`);
  if (!validName(account)) throw invalid(`account is no name: ${nameRule}`);
}

function invalid(sentence: string): Refusal {
  return new Refusal(Status.InvalidPacketBody, sentence);
}
