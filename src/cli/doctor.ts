// roost doctor: checks whether a server with the same options would serve well on this machine, without starting it or
// changing anything, also beside the running server. It prints a line for each finding. The exit status is 0, or 1 if
// there is a problem.

import { printLines } from "./command-output.ts";
import { checks } from "./doctor/checks.ts";
import { examine, type Line } from "./doctor/examine.ts";
import { type Level, levels } from "./doctor/finding.ts";
import type { OptionValues } from "./option-values.ts";
import { counted, tableLines } from "./text-table.ts";
import { version } from "./version.ts";

/** Examines the machine for a server with these options; returns the exit status. Throws UsageError. */
export async function doctor(values: OptionValues): Promise<number> {
  const role = values.required("role");
  const isJson = values.required("json");
  const lines = await examine(checks, { values, role });
  const level = worstOf(lines);
  if (isJson) await printLines(JSON.stringify({ version, role, level, findings: lines }, undefined, 2).split("\n"));
  else await printLines([...tableLines(lines.map((line) => [line.level, line.check, line.text])), "", summary(lines)]);
  return level === "problem" ? 1 : 0;
}

function worstOf(lines: readonly Line[]): Level {
  return levels.findLast((level) => lines.some((line) => line.level === level)) ?? "ok";
}

function summary(lines: readonly Line[]): string {
  const count = (level: Level): number => lines.filter((line) => line.level === level).length;
  const [problems, warnings] = [count("problem"), count("warning")];
  if (problems + warnings === 0) return "all is well";
  return `${counted(problems, "problem")}, ${counted(warnings, "warning")}`;
}
