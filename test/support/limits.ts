// Limits for tests: the initial values, or others where a test needs to reach one.

import { silentLog } from "../../src/base/log.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";

/** Limits that nobody hears of. */
export const testLimits = (given: Partial<LimitValues> = {}): Limits => new Limits(silentLog, given);
