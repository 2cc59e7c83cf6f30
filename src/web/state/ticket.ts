// With what one comes in: the secret of the link that the server printed at its start, or a token. They come in the
// fragment of the address, which browsers do not send to servers, and leave the address bar at once.

import { read, textOf, write } from "./tab-storage.ts";

/** Signs in. With a secret it can be renewed, for the account that it was made for. */
export interface Ticket {
  readonly token: string;
  readonly secret?: string;
  readonly account?: string;
}

/** What a fragment had; `isBroken`: something that is neither. */
interface Brought {
  readonly token?: string;
  readonly secret?: string;
  readonly isBroken?: boolean;
}

/** A refusal of the server to make an account, with its sentence. */
export class NoAccount extends Error {
  override readonly name = "NoAccount";
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }

  /** Whether the secret is wrong, by the sentence of site/test-accounts.ts: other refusals share its status. */
  get isOldLink(): boolean {
    return this.status === 403 && this.message.includes("earlier start");
  }
}

const names = { ticket: "roost ticket", secret: "roost secret" };
/** The server's answer may take so long, in milliseconds. */
const answerMsMax = 10_000;

/** Whether a text has the form of a token: three parts of base64url. */
export const isToken = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** What a fragment (`#…`) has: `token=` or `link=` with the secret, or one of them alone. */
export function readFragment(fragment: string): Brought {
  const text = fragment.replace(/^#/, "");
  if (text === "") return {};
  const [, name, value = ""] = /^(?:(token|link)=)?(.*)$/s.exec(text) ?? [];
  if (name !== "link" && isToken(value)) return { token: value };
  if (name !== "token" && /^[\w-]{43,128}$/.test(value)) return { secret: value };
  return { isBroken: true };
}

/** Takes what the address brought out of it, and what this tab has kept. */
export function takeFragment(): Brought {
  const brought = readFragment(location.hash);
  if (location.hash !== "") history.replaceState(history.state, "", location.pathname + location.search);
  if (brought.secret !== undefined) write(names.secret, brought.secret);
  const secret = brought.secret ?? read(names.secret);
  return typeof secret === "string" ? { ...brought, secret } : brought;
}

/** The ticket of this tab, as it was before a reload. */
export function keptTicket(): Ticket | undefined {
  const kept = read(names.ticket);
  const [token, secret, account] = ["token", "secret", "account"].map((name) => textOf(kept, name));
  if (token === undefined) return undefined;
  return secret === undefined || account === undefined ? { token } : { token, secret, account };
}

/** Returns whether it was kept; undefined forgets it. */
export const keepTicket = (ticket: Ticket | undefined): boolean => write(names.ticket, ticket);

/**
 * Has the server make a test account, or another token of an account that it made.
 * @throws NoAccount with the server's sentence; TypeError or DOMException if there is no answer
 */
export async function makeAccount(secret: string, account?: string): Promise<Ticket> {
  const answer = await fetch("web/account", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ secret, account }),
    signal: AbortSignal.timeout(answerMsMax),
  });
  const said: unknown = await answer.json().catch(() => undefined);
  const [token, name] = ["token", "account"].map((member) => textOf(said, member));
  if (!answer.ok || token === undefined || name === undefined)
    throw new NoAccount(answer.status, textOf(said, "error") ?? `HTTP ${answer.status}`);
  return { token, secret, account: name };
}
