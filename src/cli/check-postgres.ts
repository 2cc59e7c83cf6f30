// roost check, for messages in PostgreSQL.

import type { Checked } from "./check.ts";
import type { Progress } from "./progress.ts";
import { StartError } from "./usage-error.ts";

/** Throws StartError. */
export function checkDatabase(_url: string, _progress: Progress): Promise<Checked> {
  return Promise.reject(new StartError("roost check is for sqlite:PATH; PostgreSQL has pg_amcheck for this"));
}
