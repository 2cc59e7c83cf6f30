// presence.watch and presence.unwatch: who is online now; presence-pushes.ts tells changes from then on.

import { nameRule, validName } from "../../../auth/names.ts";
import { AccountBuckets } from "../../../base/account-buckets.ts";
import { looksPerWatch, nameCharactersMax, watchAccountsMax } from "../../../base/limits/fixed.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import type { PeopleStore } from "../../../store/people.ts";
import { PresenceReqSchema, PresenceStatesSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import type { Watcher, Watches } from "./watches.ts";
import type { PresenceBlocks } from "./presence-blocks.ts";
import type { PresencePushes } from "./presence-pushes.ts";
import type { Seen } from "./seen.ts";

/** What an account takes in a request and in an answer, beside its name. */
const nameBytes = 4 * nameCharactersMax;
const stateBytes = 24;
/** The longest request. */
export const presenceRequestBytesMax = watchAccountsMax * (nameBytes + 3);
const answerBytesMax = watchAccountsMax * (nameBytes + stateBytes);
const secondsPerMinute = 60n;

/** What the commands of presence share; constructed by presence-commands.ts. */
interface PresenceParts {
  readonly people: PeopleStore;
  readonly watches: Watches;
  readonly pushes: PresencePushes;
  readonly blocks: PresenceBlocks;
  readonly seen: Seen;
}

/** Answers with the states of now, in the order of the request. */
export function presenceWatch(
  { sessions, limits, reads, clock }: Pick<ChatParts, "sessions" | "limits" | "reads" | "clock">,
  { people, watches, pushes, blocks, seen }: PresenceParts,
): Handler {
  const { watchedPerSecond, watchedAtOnce } = limits.values;
  const rates = new AccountBuckets(watchedPerSecond, watchedAtOnce, clock);
  limits.measure("watchedAtOnce", () => rates.largestUse);

  const tooMany = ({ app, account }: Context): Refusal => {
    limits.met("watchedPerSecond", { app, account });
    return new Refusal(
      Status.RateLimited,
      `you ask to watch too many accounts: at most ${watchedPerSecond} a second, ${watchedAtOnce} at once`,
    );
  };

  /** Each name is charged, because even a stranger's costs a read. */
  const charge = (context: Context, names: readonly string[]): void => {
    if (!rates.take(context.app, context.account, names.length)) throw tooMany(context);
  };

  /** Who shares a group costs the more, the more groups the two are in: the account is charged for that, too. */
  const readAllowed = async (context: Context, names: readonly string[]): Promise<readonly string[]> => {
    const { app, account } = context;
    const allowed: string[] = [];
    for (let at = 0; at < names.length;) {
      if (at > 0 && rates.isSpent(app, account)) throw tooMany(context);
      const part = await people.watchable(app, account, at === 0 ? names : names.slice(at));
      allowed.push(...part.allowed);
      at += part.decided;
      if (part.looked > 0) rates.charge(app, account, part.looked / looksPerWatch);
    }
    return allowed;
  };

  const reserve = ({ app, account, location }: Context, names: readonly string[]): Watcher => {
    const { watchesPerConnection, presenceWatches } = limits.values;
    const fresh = watches.fresh(location.channelId, names);
    if (fresh > 0 && watches.of(location.channelId) + fresh > watchesPerConnection) {
      limits.met("watchesPerConnection", { app, account });
      throw new Refusal(
        Status.Forbidden,
        `a connection watches at most ${watchesPerConnection} accounts; end watches by presence.unwatch`,
      );
    }
    if (fresh > 0 && watches.size + fresh > presenceWatches) {
      limits.met("presenceWatches", { app, account });
      throw new Refusal(Status.ServiceUnavailable, "too many accounts are watched on this server, try again later");
    }
    return watches.ask(app, account, location, names);
  };

  const readStates = async (context: Context, watcher: Watcher, names: readonly string[]) => {
    const { app, account, channelId } = context;
    await blocks.ready();
    const allowed = await readAllowed(context, names);
    const minutes = await people.lastSeen(app, allowed);
    const { changes } = pushes;
    // The states are read last: from now on changes are told.
    const [own = [], ...located] = await sessions.locate(app, [account, ...allowed]);
    if (!own.some((location) => location.channelId === channelId))
      throw new Refusal(Status.SessionNotFound, "this connection is not signed in any more");
    if (watcher.isEnded || !context.isOpen)
      throw new Refusal(Status.ServiceUnavailable, "all watches have ended meanwhile, watch again");
    const answers = new Map<string, { devices: number; minute: number }>();
    for (const [at, name] of allowed.entries()) {
      const devices = located[at]?.length ?? 0;
      if (!watches.allow(watcher, name, devices)) continue;
      const minute = devices > 0 ? 0 : Math.max(minutes[at] ?? 0, seen.minute(app, name));
      answers.set(name, { devices, minute });
    }
    for (const name of names) if (!answers.has(name)) watches.deny(watcher, name);
    // An engine may tell of a change while its answer, which does not know of it, is on its way.
    if (pushes.changes !== changes) for (const name of [account, ...answers.keys()]) pushes.look(app, name);
    if (watches.isWaiting) pushes.arm();
    return names.map((name) => {
      const { devices, minute } = answers.get(name) ?? { devices: 0, minute: 0 };
      return { account: name, devices, lastSeen: BigInt(minute) * secondsPerMinute };
    });
  };

  return (context) => {
    const names = accountsOf(context);
    if (names.length === 0) throw new Refusal(Status.InvalidPacketBody, "accounts must name at least one account");
    charge(context, names);
    return reads.run(context, answerBytesMax, async () => {
      const watcher = reserve(context, names);
      try {
        return context.respond(PresenceStatesSchema, { states: await readStates(context, watcher, names) });
      } catch (error) {
        watches.cancel(watcher, names);
        throw error;
      }
    });
  };
}

/** Ends watches; of accounts that are not watched, that is Success. */
export function presenceUnwatch({ watches }: Pick<PresenceParts, "watches">): Handler {
  return (context) => {
    const names = accountsOf(context);
    watches.unwatch(context.channelId, names.length === 0 ? undefined : names);
    context.respondEmpty();
  };
}

/** Returns the named accounts without duplicates. Throws PayloadTooLarge and InvalidPacketBody. */
function accountsOf(context: Context): readonly string[] {
  const { accounts } = context.body(PresenceReqSchema);
  if (accounts.length > watchAccountsMax)
    throw new Refusal(Status.PayloadTooLarge, `a request names at most ${watchAccountsMax} accounts`);
  for (const account of accounts)
    if (!validName(account))
      throw new Refusal(Status.InvalidPacketBody, `accounts must be account names (${nameRule})`);
  return [...new Set(accounts)];
}
