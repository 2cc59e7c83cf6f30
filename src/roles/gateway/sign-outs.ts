// Reports ended connections to the login service. Sign-outs have no answer, so those sent over a link that broke soon
// after, or not sent at all, are repeated: otherwise the session would live as long as this gateway.
//
// A restored session would reappear if it arrived after a sign-out over another link. So for a while sign-outs are also
// sent over the link of the restore, which keeps them in order.
//
// A login node that dies may leave a sign-in on its way to the store, and a sign-out over another node may overtake it.
// Such a sign-out is sent twice: the second time when the sign-in has arrived or never will.

import type { Clock } from "../../base/clock.ts";
import type { Link } from "../../routing/links.ts";
import { Command } from "../../wire/commands.ts";
import { forwarded } from "./forwarded.ts";
import type { Channel } from "./channel.ts";

/** After this time a sign-out has arrived, or its link is known to be broken. */
const keptMs = 20_000;
/** Beyond this number the oldest are dropped. */
const keptMax = 100_000;

/** The sign-out of an ended connection. */
interface SignOut {
  readonly id: string;
  readonly app: string;
  readonly account: string;
  /** The link over which it was sent; undefined if it must be sent. */
  link: Link<Channel> | undefined;
  atMs: number;
  /** It is sent twice, because the link of its sign-in may have broken. */
  repeats: boolean;
}

export class SignOuts {
  private readonly serviceId: string;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly choose: (signOut: { id: string; app: string; account: string }) => Link<Channel> | undefined;
  private kept: SignOut[] = [];
  /** The time of the last loss of a link, which may have carried a sign-in. */
  private lostAtMs = -Infinity;
  /** The links over which sessions were restored, and when. */
  private readonly restoring = new Map<Link<Channel>, number>();

  /** `choose` returns a link to a login node, if there is one. */
  constructor(serviceId: string, clock: Pick<Clock, "monotonicMs">, choose: SignOuts["choose"]) {
    this.serviceId = serviceId;
    this.clock = clock;
    this.choose = choose;
  }

  /** Signs out a connection that has ended; `link` is that of its sign-in, or another if that one has ended. */
  add({ id, app, account }: Channel, link: Link<Channel> | undefined): void {
    const signOut: SignOut = { id, app, account, link: undefined, atMs: 0, repeats: this.mayBeOvertaken(link) };
    this.send(signOut, link);
    for (const other of this.restoring.keys()) if (other !== signOut.link) this.sendBy(signOut, other);
    this.kept.push(signOut);
    if (this.kept.length > keptMax) this.kept.splice(0, this.kept.length - keptMax);
  }

  /** Records that a session is restored over a link. */
  restored(link: Link<Channel>): void {
    this.restoring.set(link, this.clock.monotonicMs());
  }

  /** Handles the loss of a link: sends its recent sign-outs over another. */
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

  /** Sends what could not be sent, and drops what has arrived; called every few seconds. */
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
