// The page from its load to its end: who is signed in with what, and the state of the connection.

import { batch, signal } from "@preact/signals";
import { CloseCode, errorOf } from "../../sdk/client-errors.ts";
import { Community } from "../../sdk/community/community.ts";
import { Messenger } from "../../sdk/messenger/messenger.ts";
import { claimTabDevice } from "../../sdk/messenger/tab-device.ts";
import { exactTimeOf } from "../texts/texts.ts";
import { Chat } from "./chat.ts";
import { endingOf, type Link, linkAfter } from "./link.ts";
import { browserName } from "./browser-storage.ts";
import { keepTicket, keptTicket, makeAccount, NoAccount, takeFragment, type Ticket } from "./ticket.ts";

export class App {
  readonly link = signal<Link>({ kind: "opening" });
  /** Undefined until the first sign-in has succeeded. */
  readonly chat = signal<Chat | undefined>(undefined);
  /** With what this tab signs in; undefined: it has to be asked for. */
  readonly ticket = signal<Ticket | undefined>(undefined);
  /** Makes test accounts; undefined if the link was not opened here, or is old. */
  readonly secret = signal<string | undefined>(undefined);
  /** The fragment of the address was neither a token nor a secret. */
  readonly isLinkBroken = signal(false);
  /** The browser keeps nothing: a reload signs out. */
  readonly isForgetful = signal(false);
  /** The server answers HTTP, and no WebSocket was ever open. */
  readonly isBlocked = signal(false);
  private device: Promise<string> | undefined;
  /** Counts sign-ins: what an earlier one tells later does not count. */
  private run = 0;
  private client: Messenger | undefined;
  private ending = new AbortController();

  /** Takes what the address has, or what the tab has kept, and signs in if that is enough. */
  start(): void {
    const { token, secret, isBroken = false } = takeFragment();
    const kept = keptTicket();
    this.secret.value = secret ?? kept?.secret;
    this.isLinkBroken.value = isBroken;
    const ticket = token === undefined ? kept : { token };
    if (ticket !== undefined) void this.enter(ticket);
  }

  /**
   * Makes a test account and signs in with it.
   * @throws NoAccount and others, as makeAccount does
   */
  async make(account: string | undefined): Promise<void> {
    await this.enter(await makeAccount(this.secret.value ?? "", account));
  }

  /** Signs in. Resolves when that has succeeded, or failed for good: `link` says so. */
  async enter(ticket: Ticket): Promise<void> {
    await this.end(false);
    const { run } = this;
    const ending = (this.ending = new AbortController());
    batch(() => {
      this.ticket.value = ticket;
      this.link.value = { kind: "opening" };
      this.isLinkBroken.value = false;
      this.isForgetful.value = !keepTicket(ticket);
    });
    this.device ??= claimTabDevice({ prefix: browserName() }).then(({ device }) => device);
    try {
      const client = await Messenger.connect(
        {
          url: new URL("./", location.href).href.replace(/^http/, "ws").replace(/[?#].*$/, ""),
          token: ticket.secret === undefined ? ticket.token : this.renewing(ticket),
          device: this.device,
          retry: true,
          signal: ending.signal,
          on: {
            online: () => {
              if (run === this.run) this.link.value = { kind: "online" };
            },
            offline: ({ reason, returnsInMs }) => {
              if (run !== this.run || this.link.peek().kind === "ended") return;
              // Another token helps where the link makes one, but not who is banned.
              const isRenewed = this.secret.peek() !== undefined && endingOf(reason) !== "banned";
              const isUseless = reason.code === CloseCode.Unauthorised && !isRenewed;
              this.link.value = linkAfter(reason, isUseless ? undefined : returnsInMs, this.link.peek(), Date.now());
              if (isUseless) ending.abort();
              if (this.chat.peek() === undefined) void this.lookForHttp();
            },
          },
        },
        (opened) => {
          this.client = opened;
          Community.of(opened);
          // While the server is dialled: the first format of a page takes tens of milliseconds, and the list needs one.
          setTimeout(exactTimeOf, 0, 0);
        },
      );
      if (run !== this.run) return await client.close();
      this.chat.value = new Chat(client);
    } catch (error) {
      if (run !== this.run || this.link.peek().kind === "ended") return;
      this.link.value = { kind: "ended", why: "refused", text: errorOf(error).message };
    }
  }

  /** Signs in once more, after the connection has ended. */
  async again(): Promise<void> {
    const { value: ticket } = this.ticket;
    if (ticket !== undefined) await this.enter(ticket);
  }

  /** Back to where one signs in; the tab forgets who it was. */
  async leave(): Promise<void> {
    keepTicket(undefined);
    this.ticket.value = undefined;
    await this.end(true);
  }

  tryNow(): void {
    this.client?.reconnect();
  }

  /** The first token serves until it is refused or old; then the server makes another one, while the link counts. */
  private renewing({ token, secret = "", account = "" }: Ticket): () => Promise<string> {
    let current = token;
    let isFirst = true;
    return async () => {
      if (!isFirst && this.secret.peek() !== undefined) {
        try {
          const renewed = await makeAccount(secret, account);
          current = renewed.token;
          keepTicket(renewed);
        } catch (error) {
          // The server was started again: its link is another one, but the token may still count.
          if (error instanceof NoAccount && error.status === 403) this.secret.value = undefined;
        }
      }
      isFirst = false;
      return current;
    };
  }

  /** Tells a server that is down from one whose WebSocket does not come through. */
  private async lookForHttp(): Promise<void> {
    try {
      const answer = await fetch("./", { method: "HEAD", cache: "no-store" });
      this.isBlocked.value = answer.ok && this.link.peek().kind === "away";
    } catch {
      this.isBlocked.value = false;
    }
  }

  private async end(isForgotten: boolean): Promise<void> {
    this.run++;
    const { value: chat } = this.chat;
    this.chat.value = undefined;
    await chat?.close(isForgotten);
    this.ending.abort();
  }
}
