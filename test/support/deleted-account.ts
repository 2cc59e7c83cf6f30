// Deletes everything of an account, and waits for the end of the operation.

import type { DataStore, Operation } from "../../src/store/data.ts";

type Data = Pick<DataStore, "deleteData" | "operation">;

export async function begunDeletion(data: Data, app: string, account: string): Promise<Operation> {
  const operation = await data.deleteData(app, account);
  if (typeof operation !== "object") throw new Error(`expected an operation for ${account}, got ${operation}`);
  return operation;
}

export async function endedDeletion(data: Data, { app, id }: Operation): Promise<Operation> {
  for (;;) {
    const now = await data.operation(app, id);
    if (now === undefined) throw new Error("the operation is gone");
    if (now.state !== "running") return now;
    await Bun.sleep(5);
  }
}

/** Returns the operation as it is when nothing is left of the account. */
export async function deletedAccount(data: Data, app: string, account: string): Promise<Operation> {
  return endedDeletion(data, await begunDeletion(data, app, account));
}
