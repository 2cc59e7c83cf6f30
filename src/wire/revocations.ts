// Kicks and revocations, and the bodies of chat.revocations, by which a gateway copies them from a chat node. The store
// numbers them in the order of commits; the last number is the version of a copy.
//
//   chat to gateway   {"store":"…","version":"…"}        the current version: on a new link, and after each addition
//   gateway to chat   {"after":"…"}                      requests the rows above that number
//   chat to gateway   {"store":"…","version":"…",        the first of them: all up to `version`, above which the next
//                      "after":"…","now":…,"rows":[…]}   request continues; `now` is the time by the dating clock
//
// JSON, because this is rare; numbers of 63 bits are decimal text.

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
}

interface RevocationsState {
  readonly store: string;
  readonly version: bigint;
}

/** Rows of a store: all above `after` and up to `version`. */
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

/** Returns undefined for a malformed question. */
export function decodeRevocationsQuestion(body: Buffer): bigint | undefined {
  return idOf(fieldsOf(parsed(body))?.["after"]);
}

/** Decodes a chat node's state or rows; undefined if malformed. */
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
