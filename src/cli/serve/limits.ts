// The limits of a process, as its options say: file, variable and flag are merged by name, so that a flag changes one
// limit and leaves the others of the file in force.

import type { LimitRole } from "../../base/limits/limit.ts";
import { Limits } from "../../base/limits/limits.ts";
import type { LimitName } from "../../base/limits/table.ts";
import type { Log } from "../../base/log.ts";
import { foreignLimits } from "../../options/limit-values.ts";
import type { OptionValues } from "../option-values.ts";
import { UsageError } from "../usage-error.ts";

/**
 * Returns the limits of a role. Refuses one that means nothing to it, unless a variable names it: all processes of a
 * machine share those. Throws UsageError.
 */
export function limitsOf(values: OptionValues, role: LimitRole, log: Log): Limits {
  const given: Partial<Record<LimitName, number>> = {};
  for (const { value, source, isShared } of values.layers("limit")) {
    const [foreign] = foreignLimits(value, role);
    if (foreign !== undefined && !isShared)
      throw new UsageError(`${source}: ${foreign} does not apply to --role ${role}; remove it`);
    Object.assign(given, value);
  }
  return new Limits(log, given);
}
