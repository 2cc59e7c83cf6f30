// What operators may ask of a process with a message store, beside what every process answers: kicks and revocations.

import type { Clock } from "../../base/clock.ts";
import { nameRule, validName } from "../../auth/names.ts";
import { deviceBytesMax } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { type ControlCommand, type ControlFields, ControlRefused } from "../../observe/control-commands.ts";
import type { Sessions } from "../../session/sessions.ts";
import { type Store, StoreUnavailable } from "../../store/store.ts";
import type { Revocation } from "../../wire/revocations.ts";
import type { RevocationFeed } from "./revocation-feed.ts";

/** How far the clock of whoever asks may be ahead of this one. */
const clocksApartMs = 60_000;

/** The answer to both commands. */
interface RevocationAnswer {
  /** The number by which gateways know it. */
  readonly id: string;
  /** Connections of that account (and device) that were signed in; null: the sessions could not be asked. */
  readonly connections: number | null;
  /** What is from before this time is ended: as asked, or later where it was already. Milliseconds since 1970. */
  readonly beforeMs: number;
}

interface Parts {
  readonly store: Pick<Store, "revoke" | "revocations">;
  readonly sessions: Pick<Sessions, "locate">;
  readonly feed: Pick<RevocationFeed, "added">;
  readonly limits: Limits;
  readonly log: Log;
  readonly clock: Pick<Clock, "wallMs">;
}

/** `kick` with app, account and device (absent: all), and `revoke` with app, account and beforeMs (absent: now). */
export function operatorCommands(parts: Parts): Readonly<Record<"kick" | "revoke", ControlCommand>> {
  const { clock } = parts;
  return {
    kick(fields) {
      const device = fields["device"];
      if (device !== undefined && (typeof device !== "string" || Buffer.byteLength(device) > deviceBytesMax))
        throw new ControlRefused(`the name of a device has at most ${deviceBytesMax} bytes`);
      return keep(parts, { ...whose(fields), kind: "kick", device, beforeMs: clock.wallMs() });
    },
    revoke(fields) {
      // Times of issue are whole seconds: a token of this second may be from before now.
      const { beforeMs = (Math.floor(clock.wallMs() / 1_000) + 1) * 1_000 } = fields;
      if (typeof beforeMs !== "number" || !Number.isSafeInteger(beforeMs) || beforeMs < 0)
        throw new ControlRefused("beforeMs is a time in milliseconds since 1970");
      if (beforeMs > clock.wallMs() + clocksApartMs)
        throw new ControlRefused("that time is to come: every token that is issued until then would be refused");
      return keep(parts, { ...whose(fields), kind: "revoke", device: undefined, beforeMs });
    },
  };
}

function whose({ app, account }: ControlFields): { readonly app: string; readonly account: string } {
  if (typeof app !== "string" || !validName(app)) throw new ControlRefused(`app is no name: ${nameRule}`);
  if (typeof account !== "string" || !validName(account)) throw new ControlRefused(`account is no name: ${nameRule}`);
  return { app, account };
}

async function keep({ store, sessions, feed, limits, log }: Parts, revocation: Revocation): Promise<RevocationAnswer> {
  const { app, account, kind, device, beforeMs } = revocation;
  // Asked before: afterwards they are gone.
  const connections = await countOf(sessions, revocation);
  try {
    const outcome = await store.revoke(revocation);
    if (outcome.result === "full") {
      limits.met("revocations", { app, account });
      throw new ControlRefused(
        `${limits.values.revocations} kicks and revocations are kept already; give the process a higher --limit ` +
          `revocations`,
      );
    }
    await feed.added();
    // It is kept, whether it can be read again or not.
    const [kept] = await store.revocations(outcome.id - 1n, 1).catch(() => []);
    const inForceMs = kept?.id === outcome.id ? kept.beforeMs : beforeMs;
    log.info(kind === "kick" ? "an account was kicked out" : "the tokens of an account were revoked", {
      app,
      account,
      before: new Date(inForceMs).toISOString(),
      ...(device === undefined ? {} : { device }),
    });
    return { id: `${outcome.id}`, connections, beforeMs: inForceMs };
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new ControlRefused(`the message store cannot keep it now: ${error.message}`);
  }
}

async function countOf(
  sessions: Parts["sessions"],
  { app, account, device }: Revocation,
): Promise<RevocationAnswer["connections"]> {
  try {
    const [locations = []] = await sessions.locate(app, [account]);
    return locations.filter((location) => device === undefined || location.device === device).length;
  } catch {
    // The sessions are away: it is in force all the same.
    return null;
  }
}
