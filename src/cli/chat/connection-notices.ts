// Tells a person when the connection is lost, is back, or has ended.

import type { ClientEvents } from "../../sdk/client-options.ts";
import { endSentence } from "./complaint.ts";
import type { Screen } from "./screen.ts";

export class ConnectionNotices {
  private readonly screen: Screen;
  private isSignedIn = false;
  private isLeaving = false;
  /** The end of a connection that was not signed in: the caller reports why a sign-in failed. */
  private early: ClientEvents["offline"] | undefined;
  /** Whether the connection has ended for good. */
  hasEnded = false;
  /** Whether it is lost, and tried again. */
  isLost = false;

  constructor(screen: Screen) {
    this.screen = screen;
  }

  online(): void {
    if (!this.isLost) return;
    this.isLost = false;
    this.screen.note("the connection is back");
  }

  offline(end: ClientEvents["offline"]): void {
    if (!this.isSignedIn) this.early = end;
    else if (!this.isLeaving) this.tell(end);
  }

  /** The sign-in has succeeded: tells what has happened since. */
  signedIn(): void {
    this.isSignedIn = true;
    if (this.early !== undefined) this.tell(this.early);
  }

  /** The client ends the connection itself. */
  leave(): void {
    this.isLeaving = true;
  }

  private tell({ reason, returnsInMs }: ClientEvents["offline"]): void {
    if (returnsInMs === undefined) {
      this.hasEnded = true;
      this.screen.complain(endSentence(reason) ?? (reason.text === "" ? "the connection ended" : reason.text));
      this.screen.close();
      return;
    }
    // The number at the end is for clients: it spreads their reconnects.
    const text = reason.text.replace(/; \d+$/, "");
    const why = text === "" ? "" : ` (${text})`;
    if (!this.isLost) this.screen.complain(`the connection is lost${why}; trying again`);
    this.isLost = true;
  }
}
