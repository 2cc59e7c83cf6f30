// Logs sign-ins, sign-outs and refusals with account, device and address, never with a token. Operators can turn it
// off, for privacy or because of the volume (--log-people off).

import type { Log, LogFields } from "../../base/log.ts";
import type { CloseReason } from "../../wire/close-reason.ts";

/** The subject of a line. */
interface Person {
  readonly app: string;
  readonly account: string;
  readonly device: string;
  readonly connection: { readonly remoteAddress: string };
}

export class PeopleLog {
  private readonly log: Log | undefined;

  /** Without `log`, nothing is logged. */
  constructor(log: Log | undefined) {
    this.log = log;
  }

  signedIn(person: Person): void {
    this.log?.info("signed in", fieldsOf(person));
  }

  signedOut(person: Person, { code, text }: CloseReason): void {
    this.log?.info("signed out", { ...fieldsOf(person), code, reason: text });
  }

  /** `reason` is the sentence of the answer. Before its token is verified a client has no account. */
  refused(person: Person, reason: string): void {
    this.log?.info("a sign-in was refused", { ...fieldsOf(person), reason });
  }

  /** The connection lives until its former token expires. */
  renewalRefused(person: Person, reason: string): void {
    this.log?.info("the renewal of a token was refused", { ...fieldsOf(person), reason });
  }
}

/** Omits an empty device, and an account that is not known yet. */
function fieldsOf({ app, account, device, connection }: Person): LogFields {
  return {
    ...(account === "" ? {} : { account, app }),
    ...(device === "" ? {} : { device }),
    address: connection.remoteAddress,
  };
}
