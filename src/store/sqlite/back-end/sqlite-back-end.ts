// What a store keeps for back ends, on the main thread: each call is a request to the writer or the reader.

import { assert } from "../../../base/assert.ts";
import type { Revocation, StoredRevocation } from "../../../wire/revocations.ts";
import type { ApiKeyStore } from "../../api-keys.ts";
import type { BackEndStore } from "../../back-end.ts";
import type { Ban, BanOutcome, RevocationStore, RevokeOutcome } from "../../revocations.ts";
import { SqliteData } from "../bulk/sqlite-data.ts";
import type { JoinedSaves } from "../hooks/joined-saves.ts";
import { SqliteHooks } from "../hooks/sqlite-hooks.ts";
import type { RequestTarget } from "../protocol.ts";
import type { ReadAnswers, ReadOf, WriteAnswers, WriteOf } from "./calls.ts";

export class SqliteBackEnd implements BackEndStore, RevocationStore {
  private readonly writer: RequestTarget;
  private readonly reader: RequestTarget;
  /** The thread of read cursors. */
  private readonly reads: RequestTarget;
  /** The limit `revocations`. */
  private readonly keptMax: number;
  private readonly wrote: () => void;
  readonly hooks: SqliteHooks;

  /** `compactor`: reads what no client waits for. `wrote` is called after much was written, or could not be. */
  constructor(
    { writer, reader, compactor }: Readonly<Record<"writer" | "reader" | "compactor", RequestTarget>>,
    saves: JoinedSaves,
    reads: RequestTarget,
    keptMax: number,
    wrote: () => void,
  ) {
    this.wrote = wrote;
    this.writer = writer;
    this.reader = reader;
    this.reads = reads;
    this.hooks = new SqliteHooks(compactor, saves, (request) => this.write({ call: "hook", request }));
    this.keptMax = keptMax;
  }

  readonly keys: ApiKeyStore = {
    create: async (draft) => {
      const key = await this.write({ call: "createKey", draft });
      return key === undefined ? { result: "full" } : { result: "stored", key };
    },
    revoke: (id) => this.write({ call: "revokeKey", id }),
    after: (version, limit) => this.read({ call: "keysAfter", version: `${version}`, limit }),
  };

  readonly data = new SqliteData({
    export: (query) => this.read({ call: "export", query }),
    import: (page) => this.write({ call: "import", page }).finally(this.wrote),
    importAccounts: (slice) => this.write({ call: "importAccounts", slice }),
    deleteData: (app, account) => this.write({ call: "deleteData", app, account }),
    operation: (app, id) => this.read({ call: "operation", app, id: `${id}` }),
    retentions: {
      set: (app, days) => this.write({ call: "setRetention", app, days }),
      of: (app) => this.read({ call: "retention", app }),
    },
    due: () => this.read({ call: "deletionDue", kind: "delete-data" }),
    finds: (place) => this.read({ call: "deletionFinds", place }),
    moveReads: (jobs) => this.reads.call({ kind: "reads", jobs }),
    forgetReads: (account) => this.reads.call({ kind: "forgetReads", account }),
    delete: (slice) => this.write({ call: "deletionSlice", slice }).finally(this.wrote),
  });

  revoke(revocation: Revocation): Promise<RevokeOutcome> {
    return this.write({ call: "revoke", revocation, keptMax: this.keptMax });
  }

  ban(ban: Ban): Promise<BanOutcome> {
    return this.write({ call: "ban", ban, keptMax: this.keptMax });
  }

  revocations(after: bigint, limit: number): Promise<readonly StoredRevocation[]> {
    return this.read({ call: "revocations", after: `${after}`, limit });
  }

  private async write<Name extends keyof WriteAnswers>(
    call: WriteOf<Name> & { readonly call: Name },
  ): Promise<WriteAnswers[Name]> {
    const answer = await this.writer.call({ kind: "backEndWrite", call });
    assert(answer.kind === "backEnd", "a call for back ends is answered with its answer");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- answers.ts answers by the call's name
    return answer.answer as WriteAnswers[Name];
  }

  private async read<Name extends keyof ReadAnswers>(
    call: ReadOf<Name> & { readonly call: Name },
  ): Promise<ReadAnswers[Name]> {
    const answer = await this.reader.call({ kind: "backEndRead", call });
    assert(answer.kind === "backEnd", "a call for back ends is answered with its answer");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- answers.ts answers by the call's name
    return answer.answer as ReadAnswers[Name];
  }
}
