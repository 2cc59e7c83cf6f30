import { StoreUnavailable } from "../../src/store/store.ts";

/** The message of the StoreUnavailable with which a call fails; any other error is thrown on. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
  return "nothing failed";
}
