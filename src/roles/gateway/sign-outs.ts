// Telling the login service of connections that have ended. There is no answer to that, so what was sent by a link that
// broke soon after, or could not be sent at all, is sent again: a session that nobody signs out would look alive for as
// long as this gateway is.
//
// A session that was sent again by one link would come back if it arrived behind the sign-out that goes by another: so
// for a while the sign-outs go by that link, too, on which they stay behind it.
//
// A login node that dies may leave a session on its way to the store, and the sign-out that goes by another node may
// overtake it. Such a sign-out is sent a second time, when the session has arrived or never will.

import type { Clock } from "../../base/clock.ts";
import type { Link } from "../../routing/links.ts";
import { Command } from "../../wire/commands.ts";
import { forwarded } from "./forwarded.ts";
import type { Channel } from "./channel.ts";

/** So long after it was sent a sign-out has arrived, or its link is known to be broken. */
const keptMs = 20_000;
/** Beyond this the oldest are forgotten. */
const keptMax = 100_000;

/** What is left of a connection. */
interface SignOut {
  readonly id: string;
  readonly app: string;
  readonly account: string;
  /** By which it went; undefined: not yet. */
  link: Link<Channel> | undefined;
  atMs: number;
  /** The link of its sign-in may have broken, so it is sent a second time. */
  repeats: boolean;
}

export class SignOuts {
  private readonly serviceId: string;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly choose: (signOut: { id: string; app: string; account: string }) => Link<Channel> | undefined;
  private kept: SignOut[] = [];
  /** When a link last ended by which somebody may have been signing in. */
  private lostAtMs = -Infinity;
  /** Links by which sessions were sent again, and when. */
  private readonly restoring = new Map<Link<Channel>, number>();

  /** `choose` gives a link to a login node, if there is one. */
  constructor(serviceId: string, clock: Pick<Clock, "monotonicMs">, choose: SignOuts["choose"]) {
    this.serviceId = serviceId;
    this.clock = clock;
    this.choose = choose;
  }

  /** A connection has ended; `link` is the one by which it signed in, or another if that has ended. */
  add({ id, app, account }: Channel, link: Link<Channel> | undefined): void {
    const signOut: SignOut = { id, app, account, link: undefined, atMs: 0, repeats: this.mayBeOvertaken(link) };
    this.send(signOut, link);
    for (const other of this.restoring.keys()) if (other !== signOut.link) this.sendBy(signOut, other);
    this.kept.push(signOut);
    if (this.kept.length > keptMax) this.kept.splice(0, this.kept.length - keptMax);
  }

  /** A session is sent again by that link. */
  restored(link: Link<Channel>): void {
    this.restoring.set(link, this.clock.monotonicMs());
  }

  /** A link has ended: what it may have swallowed goes elsewhere. */
  lost(link: Link<Channel>): void {
    this.restoring.delete(link);
    this.lostAtMs = this.clock.monotonicMs();
    for (const signOut of this.kept) {
      if (signOut.link !== link) continue;
      signOut.link = undefined;
      signOut.repeats = true;
    }
    this.tidy();
  }

  /** Sends what could not be sent, and forgets what has arrived; called every few seconds. */
  tidy(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [link, atMs] of this.restoring) if (nowMs - atMs >= keptMs) this.restoring.delete(link);
    this.kept = this.kept.filter(({ link, atMs, repeats }) => link === undefined || repeats || nowMs - atMs < keptMs);
    for (const signOut of this.kept) {
      if (signOut.link === undefined || nowMs - signOut.atMs < keptMs) continue;
      signOut.link = undefined;
      signOut.repeats = false;
    }
    for (const signOut of this.kept) if (signOut.link === undefined) this.send(signOut, this.choose(signOut));
  }

  private mayBeOvertaken(link: Link<Channel> | undefined): boolean {
    return link === undefined || this.clock.monotonicMs() - this.lostAtMs < keptMs;
  }

  private send(signOut: SignOut, link: Link<Channel> | undefined): void {
    if (link === undefined || !this.sendBy(signOut, link)) return;
    signOut.link = link;
    signOut.atMs = this.clock.monotonicMs();
  }

  private sendBy(signOut: SignOut, link: Link<Channel>): boolean {
    return link.connection.send(forwarded(this.serviceId, signOut, Command.SignOut, 0, 0, new Uint8Array(0)));
  }
}
