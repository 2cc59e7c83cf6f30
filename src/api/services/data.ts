// Exports, imports, the deletion of an account's data, and the retention of apps.

import { Code, ConnectError } from "@connectrpc/connect";
import { systemAccount } from "../../auth/names.ts";
import { importNamesMax } from "../../base/limits/fixed.ts";
import type { ExportScope, Operation } from "../../store/data.ts";
import type { DataRecord } from "../../store/data-records.ts";
import { Accounts, Admin, type ExportReq, type ImportReq, Messages } from "../../wire/gen/api_pb.ts";
import { accountName, type ApiCall } from "../api-call.ts";
import type { ApiParts } from "../api-parts.ts";
import { invalid } from "../codes.ts";
import { type Method, stream, unary } from "../method.ts";
import { recordOf } from "../records/from-wire.ts";
import { recordMessage } from "../records/to-wire.ts";

/** Records that are read at once. */
const pageRecords = 500;
/** Visible characters; the name is text in the store. */
const importNames = /^[!-~]{1,64}$/;

export function data(parts: ApiParts): readonly Method[] {
  return [
    stream(Messages.method.export, (request, call) => exported(parts, request, call)),
    unary(Messages.method.import, (request, call) => imported(parts, request, call)),
    unary(Accounts.method.deleteData, async ({ account }, { app }) => {
      const name = accountName("account", account);
      if (name === systemAccount) throw invalid("account must not be the system's");
      // Nobody goes on under the name of the deleted account; who has it next needs a new token.
      await parts.chat.controls.accounts.revoke({ app, account: name }, undefined);
      const operation = await parts.store.backEnd.data.deleteData(app, name);
      if (operation === undefined) throw new ConnectError(`there is no account ${name}`, Code.NotFound);
      if (operation !== "importing") return operationMessage(operation);
      throw new ConnectError(
        `the app ${app} is being imported, and a later page could bring ${name} back: end the import with last, ` +
          "and delete then",
        Code.FailedPrecondition,
      );
    }),
    unary(Accounts.method.getOperation, async ({ id }, { app }) => {
      const operation = id > 0n ? await parts.store.backEnd.data.operation(app, id) : undefined;
      if (operation === undefined) throw new ConnectError(`there is no operation ${id}`, Code.NotFound);
      return operationMessage(operation);
    }),
    unary(Admin.method.setRetention, async ({ days }, { app }) => {
      const retention = await parts.store.backEnd.data.retentions.set(app, days);
      if (retention !== "former") return retention;
      throw new ConnectError(
        "a process of a former release uses the message store, and would show what is older: upgrade all of them, " +
          "wait two minutes, and set the retention again",
        Code.FailedPrecondition,
      );
    }),
    unary(Admin.method.getRetention, (_, { app }) => parts.store.backEnd.data.retentions.of(app)),
  ];
}

/**
 * A page is read when the ones before it were taken: a slow reader holds no memory, and no snapshot. The last record of
 * all has the cursor of the end: whatever has come behind it by then, an export that goes on there has what is new in
 * the log.
 */
async function* exported({ store }: ApiParts, request: ExportReq, call: ApiCall) {
  const scope = scopeOf(request, call.app);
  let { cursor, limit: left } = request;
  const isBounded = left > 0;
  let held: DataRecord | undefined;
  for (;;) {
    call.throwIfEnded();
    const limit = isBounded ? Math.min(left, pageRecords) : pageRecords;
    const page = await store.backEnd.data.export({ ...scope, cursor, limit });
    if (page.result === "badCursor") throw invalid("cursor must be that of a record of an export");
    if (page.result === "notFound") throw new ConnectError(notFound(request), Code.NotFound);
    for (const record of page.records) {
      if (held !== undefined) yield recordMessage(held);
      held = record;
    }
    left -= page.records.length;
    ({ cursor } = page);
    if (!page.isEnd && !(isBounded && left <= 0)) continue;
    if (held !== undefined) yield recordMessage(page.isEnd ? { ...held, cursor } : held);
    return;
  }
}

function scopeOf({ account, peer, group }: ExportReq, app: string): ExportScope {
  if (group !== "" && (account !== "" || peer !== ""))
    throw invalid("give either account, with or without peer, or group");
  if (peer !== "" && account === "") throw invalid("peer needs an account whose conversation with it is exported");
  return {
    app,
    ...(account !== "" && { account: accountName("account", account) }),
    ...(peer !== "" && { peer: accountName("peer", peer) }),
    ...(group !== "" && { group }),
  };
}

function notFound({ account, peer, group }: ExportReq): string {
  if (group !== "") return `there is no group ${group}`;
  return peer === "" ? `there is no account ${account}` : `there is no account ${account}, or no account ${peer}`;
}

async function imported({ store, limits }: ApiParts, request: ImportReq, { app }: ApiCall) {
  const { name, cursor, last } = request;
  if (!importNames.test(name)) throw invalid("name must be 1 to 64 visible ASCII characters");
  const records = request.records.map((record, position) => recordOf(record, position, limits.values));
  // A page is one transaction, for which all writers wait.
  let names = 0;
  for (const { message, account } of records)
    names += (message?.reactions?.length ?? 0) + (message?.mentions?.length ?? 0) + (account?.blocked.length ?? 0);
  if (names > importNamesMax)
    throw invalid(
      `the records of a page have at most ${importNamesMax} reactions, mentions and blocked accounts together, ` +
        `not ${names}`,
    );
  const outcome = await store.backEnd.data.import({ app, name, cursor, records, isLast: last });
  switch (outcome.result) {
    case "stored": {
      const { stored, isRepeated } = outcome;
      return { cursor: outcome.cursor, stored: BigInt(stored), repeatedPage: isRepeated };
    }
    case "elsewhere":
      throw new ConnectError(
        `the import ${name} is at the cursor ${JSON.stringify(outcome.cursor)}: go on with the records behind it`,
        Code.Aborted,
      );
    case "live":
      throw new ConnectError(
        outcome.isComplete
          ? `the app ${app} has been imported completely: its last page was sent with last`
          : `the app ${app} is live: somebody has used it without an import; import into an app that nobody has used`,
        Code.FailedPrecondition,
      );
    case "invalid":
      throw invalid(`records[${outcome.position}]: ${outcome.reason}`);
  }
}

function operationMessage({ id, kind, account, state, done, startedAt, endedAt }: Operation) {
  return {
    id,
    kind,
    account,
    state,
    done: BigInt(done),
    startedAt: BigInt(startedAt),
    endedAt: BigInt(endedAt),
  };
}
