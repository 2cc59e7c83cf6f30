// What the store asks its threads for back ends, and the answers: a value for each call, by its name. Ids in calls are
// decimal text.

import type { Revocation, StoredRevocation } from "../../../wire/revocations.ts";
import type { ApiKeyDraft, StoredApiKey } from "../../api-keys.ts";
import type { HookWriteRequest, HookWritten } from "../hooks/requests.ts";
import type { Ban, BanOutcome, RevokeOutcome } from "../../revocations.ts";
import type { BulkReadAnswers, BulkReads, BulkWriteAnswers, BulkWrites } from "../bulk/bulk-calls.ts";

/** Answered by the writer, each in a transaction. `keptMax`: the limit `revocations`. */
interface Writes extends BulkWrites {
  readonly revoke: { readonly revocation: Revocation; readonly keptMax: number };
  readonly ban: { readonly ban: Ban; readonly keptMax: number };
  readonly createKey: { readonly draft: ApiKeyDraft };
  readonly revokeKey: { readonly id: string };
  readonly hook: { readonly request: HookWriteRequest };
}

export interface WriteAnswers extends BulkWriteAnswers {
  readonly revoke: RevokeOutcome;
  readonly ban: BanOutcome;
  readonly createKey: StoredApiKey | undefined;
  readonly revokeKey: StoredApiKey | undefined;
  readonly hook: HookWritten;
}

/** Answered by the reader, each in a snapshot. */
interface Reads extends BulkReads {
  readonly revocations: { readonly after: string; readonly limit: number };
  readonly keysAfter: { readonly version: string; readonly limit: number };
}

export interface ReadAnswers extends BulkReadAnswers {
  readonly revocations: readonly StoredRevocation[];
  readonly keysAfter: readonly StoredApiKey[];
}

type Written = keyof WriteAnswers;
type Read = keyof ReadAnswers;
export type BackEndWrite = { readonly [Name in Written]: Writes[Name] & { readonly call: Name } }[Written];
export type BackEndRead = { readonly [Name in Read]: Reads[Name] & { readonly call: Name } }[Read];
export type BackEndAnswer = WriteAnswers[Written] | ReadAnswers[Read];
/** The call of a name. */
export type WriteOf<Name extends Written> = Extract<BackEndWrite, { readonly call: Name }>;
export type ReadOf<Name extends Read> = Extract<BackEndRead, { readonly call: Name }>;
