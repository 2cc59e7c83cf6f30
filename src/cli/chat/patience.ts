// Repeats what a script asks for, because nobody is there to do so: it outlasts a server that fails over. The time for
// that is not each line's, but that of all lines since the server did the last thing.

import { Disconnected, isWorthRepeating } from "../../sdk/client-errors.ts";
import { platform } from "../../sdk/environment.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";
import { repeat } from "../../sdk/repeat.ts";
import type { RoostClient } from "../../sdk/roost-client.ts";
import type { Stored, Talk } from "../../sdk/talk.ts";
import { CommandError } from "./command-error.ts";
import { complaintOf, noConnection } from "./complaint.ts";
import type { ConnectionNotices } from "./connection-notices.ts";
import type { Screen } from "./screen.ts";

/** Databases and machines take each other's place within a minute. */
const patienceMsDefault = 120_000;

export class Patience {
  private readonly screen: Screen;
  private readonly notices: ConnectionNotices;
  private readonly msMax: number;
  /** By performance.now(): since when the server does nothing; undefined: it did the last thing. */
  private awaySinceMs: number | undefined;

  /** `msMax`: the time for all that is repeated while the server does nothing. Default 2 minutes. */
  constructor(screen: Screen, notices: ConnectionNotices, msMax = patienceMsDefault) {
    this.screen = screen;
    this.notices = notices;
    this.msMax = msMax;
  }

  /** Sends a message by a client that tries once. Rejects as `run`. */
  talk(client: RoostClient, partner: Partner, draft: Talk): Promise<Stored> {
    // Whichever try it is that the server stores, it is one message.
    const options = { clientId: platform.newId() };
    return this.run(() =>
      "account" in partner
        ? client.talkToUser(partner.account, draft, options)
        : client.talkToGroup(partner.group, draft, options),
    );
  }

  /**
   * Repeats a request after lost connections, lost responses and transient failures, and says so once. Rejects as the
   * request, or with a CommandError.
   */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    // A try would wait for the connection.
    if (this.isGivenUp && this.notices.isLost) throw new CommandError(noConnection);
    const result = await repeat(platform, work, (error, tries) => {
      const isAway = isWorthRepeating(error);
      this.awaySinceMs = isAway ? (this.awaySinceMs ?? performance.now()) : undefined;
      if (this.notices.hasEnded || !isAway || this.isGivenUp) return true;
      // The loss of the connection is said anyway.
      if (tries === 1 && !(error instanceof Disconnected))
        this.screen.complain(`the server cannot do it now (${complaintOf(error)}); trying again`);
      return false;
    });
    this.awaySinceMs = undefined;
    return result;
  }

  /** The server has been away for long: what comes now is tried once, for it may be back. */
  private get isGivenUp(): boolean {
    return this.awaySinceMs !== undefined && performance.now() >= this.awaySinceMs + this.msMax;
  }
}
