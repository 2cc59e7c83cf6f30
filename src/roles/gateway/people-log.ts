// Who came, who left and who was turned away, for the log of an operator: account, device and address, never a token.
// Off where a law or the number of people says so (--log-people off).

import type { Log, LogFields } from "../../base/log.ts";
import type { CloseReason } from "../../wire/close-reason.ts";

/** Whom a line is about. */
interface Person {
  readonly app: string;
  readonly account: string;
  readonly device: string;
  readonly connection: { readonly remoteAddress: string };
}

export class PeopleLog {
  private readonly log: Log | undefined;

  /** `log` undefined: nothing is said. */
  constructor(log: Log | undefined) {
    this.log = log;
  }

  signedIn(person: Person): void {
    this.log?.info("signed in", fieldsOf(person));
  }

  signedOut(person: Person, { code, text }: CloseReason): void {
    this.log?.info("signed out", { ...fieldsOf(person), code, reason: text });
  }

  /** `reason` is what the client is told. Before its token is verified a client has no account. */
  refused(person: Person, reason: string): void {
    this.log?.info("a sign-in was refused", { ...fieldsOf(person), reason });
  }

  /** The client stays until its former token expires. */
  renewalRefused(person: Person, reason: string): void {
    this.log?.info("the renewal of a token was refused", { ...fieldsOf(person), reason });
  }
}

/** A device without a name, and an account that nobody knows yet, are left out. */
function fieldsOf({ app, account, device, connection }: Person): LogFields {
  return {
    ...(account === "" ? {} : { account, app }),
    ...(device === "" ? {} : { device }),
    address: connection.remoteAddress,
  };
}
