// Kicks and revocations, and the bodies of chat.revocations, by which a gateway gets its copy of them from a chat node. The
// store numbers them in the order of their commits; the number of the last one is the version of a copy.
//
//   chat to gateway   {"store":"…","version":"…"}                            what there is, when a link begins and when one is added
//   gateway to chat   {"after":"…"}                                          the rows above that number are wanted
//   chat to gateway   {"store":"…","version":"…","after":"…","now":…,        the first of them; `version`: up to which they are all
//                      "rows":[…]}                                           here, so that the next ones are asked for above it;
//                                                                            `now`: the time by the clock that dates them
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

/** `kick` ends connections that were signed in before then; `revoke` refuses tokens that were issued before then. */
export type RevocationKind = "kick" | "revoke";

/** What an operator has ended of an account. */
export interface Revocation {
  readonly app: string;
  readonly account: string;
  readonly kind: RevocationKind;
  /** Undefined: all devices. A revocation of tokens is of all. */
  readonly device: string | undefined;
  /** Milliseconds since 1970. */
  readonly beforeMs: number;
}

/** One that is stored, with its number. */
export interface StoredRevocation extends Revocation {
  readonly id: bigint;
}

/** What a chat node says of them. */
interface RevocationsState {
  /** Which store they are of. */
  readonly store: string;
  readonly version: bigint;
}

/** Rows of a store. Whoever has all up to `after` has all up to `version` with them. */
export interface RevocationsPage extends RevocationsState {
  readonly after: bigint;
  /** The sender's clock; milliseconds since 1970. */
  readonly nowMs: number;
  readonly rows: readonly StoredRevocation[];
}

export function encodeRevocationsState({ store, version }: RevocationsState): Uint8Array {
  return encode({ store, version: `${version}` });
}

export function encodeRevocationsPage({ store, version, after, nowMs: now, rows }: RevocationsPage): Uint8Array {
  const written = rows.map(({ id, device = null, ...row }) => ({ id: `${id}`, device, ...row }));
  return encode({ store, version: `${version}`, after: `${after}`, now, rows: written });
}

export function encodeRevocationsQuestion(after: bigint): Uint8Array {
  return encode({ after: `${after}` });
}

/** Returns undefined if the body is no question. */
export function decodeRevocationsQuestion(body: Buffer): bigint | undefined {
  return ifWellFormed(() => idOf(fieldsIn(body), "after"));
}

/** Returns what a chat node has said: its state, or rows; undefined if the body is neither. */
export function decodeRevocations(body: Buffer): RevocationsState | RevocationsPage | undefined {
  return ifWellFormed(() => {
    const fields = fieldsIn(body);
    const state = { store: stringOf(fields, "store"), version: idOf(fields, "version") };
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
