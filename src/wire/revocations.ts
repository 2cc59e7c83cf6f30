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

type Fields = Readonly<Record<string, unknown>>;

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

/** Undefined: that is no question. */
export function decodeRevocationsQuestion(body: Buffer): bigint | undefined {
  return idOf(fieldsOf(parsed(body))?.["after"]);
}

/** What a chat node has said: its state, or rows. Undefined: neither. */
export function decodeRevocations(body: Buffer): RevocationsState | RevocationsPage | undefined {
  const fields = fieldsOf(parsed(body));
  const store = fields?.["store"];
  const version = idOf(fields?.["version"]);
  if (fields === undefined || typeof store !== "string" || version === undefined) return undefined;
  const list = fields["rows"];
  if (list === undefined) return { store, version };
  const after = idOf(fields["after"]);
  const nowMs = fields["now"];
  if (after === undefined || typeof nowMs !== "number" || !Array.isArray(list)) return undefined;
  const rows = list.map((item) => rowOf(fieldsOf(item)));
  if (!rows.every((row) => row !== undefined)) return undefined;
  return { store, version, after, nowMs, rows };
}

function rowOf(fields: Fields | undefined): StoredRevocation | undefined {
  if (fields === undefined) return undefined;
  const { app, account, kind, device, beforeMs } = fields;
  const id = idOf(fields["id"]);
  if (id === undefined || typeof app !== "string" || typeof account !== "string") return undefined;
  if ((kind !== "kick" && kind !== "revoke") || typeof beforeMs !== "number") return undefined;
  if (device !== null && typeof device !== "string") return undefined;
  return { id, app, account, kind, device: device ?? undefined, beforeMs };
}

function idOf(value: unknown): bigint | undefined {
  return typeof value === "string" && /^\d{1,19}$/.test(value) ? BigInt(value) : undefined;
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}
