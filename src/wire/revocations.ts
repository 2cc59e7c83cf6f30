// Kicks and revocations, and the bodies of chat.revocations, by which a gateway copies them from a chat node. The store
// numbers them in the order of commits; the last number is the version of a copy.
//
//   chat to gateway   {"store":"…","version":"…",        the current version: on a new link, and after each addition
//                      "bans":true}
//   gateway to chat   {"after":"…"}                      requests the rows above that number
//   chat to gateway   {"store":"…","version":"…",        the first of them: all up to `version`, above which the next
//                      "bans":true,"after":"…",          request continues; `now` is the time by the dating clock
//                      "now":…,"rows":[…]}
//
// Chat nodes of earlier releases know no bans and do not say `bans`: their rows lack them.
//
// JSON, because this is rare; numbers of 63 bits are decimal text.

import {
  arrayOf,
  bigintOf,
  type Fields,
  fieldsOf,
  ifWellFormed,
  jsonOf,
  MalformedJson,
  stringOf,
} from "../base/json-fields.ts";

/** `kick` ends connections that signed in before then; `revoke` refuses tokens that were issued before then. */
export type RevocationKind = "kick" | "revoke";

export interface Revocation {
  readonly app: string;
  readonly account: string;
  readonly kind: RevocationKind;
  /** Undefined means all devices, as in every revocation of tokens. */
  readonly device: string | undefined;
  /** Milliseconds since 1970. */
  readonly beforeMs: number;
}

/** A stored revocation with its number. */
export interface StoredRevocation extends Revocation {
  readonly id: bigint;
  /** Of a `revoke`, if the account is banned: nobody signs in as it until then; milliseconds since 1970. */
  readonly untilMs?: number;
}

interface RevocationsState {
  readonly store: string;
  readonly version: bigint;
  /** The sender knows bans. */
  readonly knowsBans: boolean;
}

/** Rows of a store: all above `after` and up to `version`. */
export interface RevocationsPage extends RevocationsState {
  readonly after: bigint;
  /** The sender's clock; milliseconds since 1970. */
  readonly nowMs: number;
  readonly rows: readonly StoredRevocation[];
}

export function encodeRevocationsState({ store, version }: Omit<RevocationsState, "knowsBans">): Uint8Array {
  return encode({ store, version: `${version}`, bans: true });
}

export function encodeRevocationsPage(page: Omit<RevocationsPage, "knowsBans">): Uint8Array {
  const { store, version, after, nowMs: now, rows } = page;
  const written = rows.map(({ id, device = null, ...row }) => ({ id: `${id}`, device, ...row }));
  return encode({ store, version: `${version}`, bans: true, after: `${after}`, now, rows: written });
}

export function encodeRevocationsQuestion(after: bigint): Uint8Array {
  return encode({ after: `${after}` });
}

/** Returns undefined for a malformed question. */
export function decodeRevocationsQuestion(body: Buffer): bigint | undefined {
  return ifWellFormed(() => idOf(fieldsIn(body), "after"));
}

/** Decodes a chat node's state or rows; undefined if malformed. */
export function decodeRevocations(body: Buffer): RevocationsState | RevocationsPage | undefined {
  return ifWellFormed(() => {
    const fields = fieldsIn(body);
    const knowsBans = fields["bans"] === true;
    const state = { store: stringOf(fields, "store"), version: idOf(fields, "version"), knowsBans };
    if (fields["rows"] === undefined) return state;
    const rows = arrayOf(fields["rows"], "rows").map((row) => rowOf(fieldsOf(row, "rows")));
    return { ...state, after: idOf(fields, "after"), nowMs: numberOf(fields, "now"), rows };
  });
}

function rowOf(fields: Fields): StoredRevocation {
  const { kind, device } = fields;
  if (kind !== "kick" && kind !== "revoke") throw new MalformedJson("kind: expected kick or revoke");
  return {
    id: idOf(fields, "id"),
    app: stringOf(fields, "app"),
    account: stringOf(fields, "account"),
    kind,
    device: device === null ? undefined : stringOf(fields, "device"),
    beforeMs: numberOf(fields, "beforeMs"),
    ...(fields["untilMs"] !== undefined && { untilMs: numberOf(fields, "untilMs") }),
  };
}

function fieldsIn(body: Buffer): Fields {
  return fieldsOf(jsonOf(body.toString(), "revocations"), "revocations");
}

/** A number of the store's, which is not negative. */
function idOf(fields: Fields, key: string): bigint {
  const id = bigintOf(fields[key], key);
  if (id < 0n) throw new MalformedJson(`${key}: expected a whole number`);
  return id;
}

function numberOf(fields: Fields, key: string): number {
  const value = fields[key];
  if (typeof value !== "number") throw new MalformedJson(`${key}: expected a number`);
  return value;
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
