// roost purge: what is older than the retention, and when it goes; with --now it goes at once.

import { join, resolve } from "node:path";
import { fileScheme, openPurgeTool } from "../options/engines.ts";
import { messageCount } from "../store/clock-notices.ts";
import type { PurgeSurvey, PurgeTool } from "../store/purge.ts";
import { StoreUnavailable } from "../store/store.ts";
import { printLines } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { StartError, UsageError } from "./usage-error.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** Prints what would go, or deletes it. Throws StartError with the sentence why it cannot. */
export async function purge(values: OptionValues): Promise<void> {
  const asked = values.isGiven("retention") ? values.required("retention") * dayMs : undefined;
  if (asked === 0)
    throw new UsageError("--retention forever deletes nothing; say how long to keep messages, such as 15d");
  try {
    const tool = await openPurgeTool(storeOf(values));
    try {
      await purgeWith(tool, asked, values.required("now"));
    } finally {
      await tool.close();
    }
  } catch (error) {
    if (error instanceof StoreUnavailable) throw new StartError(error.message);
    throw error;
  }
}

async function purgeWith(tool: PurgeTool, asked: number | undefined, isNow: boolean): Promise<void> {
  const survey = await tool.survey(asked);
  const { keepMs } = survey;
  if (keepMs === undefined) {
    throw new StartError(
      "the store keeps messages for ever, as its servers were told; say how long with --retention, such as 15d",
    );
  }
  await printLines(purgeReport(survey, keepMs, isNow));
  if (!isNow) return;
  const progress = new Progress();
  const deleted = await tool.purgeNow(keepMs, (messages) =>
    progress.show(`${messages.toLocaleString("en-US")} deleted`),
  );
  progress.clear();
  await printLines([`${deleted.toLocaleString("en-US")} messages deleted.`]);
}

/** What a survey says, in lines; `isNow`: they are about to go. */
export function purgeReport(survey: PurgeSurvey, keepMs: number, isNow: boolean): string[] {
  const { wallMs, committedMs, messages, waitMs } = survey;
  const days = keepMs / dayMs;
  const lines = [`Messages are kept for ${days} ${days === 1 ? "day" : "days"}. The clock says ${timeOf(wallMs)}.`];
  if (committedMs !== undefined && committedMs > wallMs + minuteMs) {
    lines.push(`The newest message was stored at ${timeOf(committedMs)} by the clock of then: one of both is wrong.`);
  }
  if (messages === 0) lines.push("None is older.");
  else {
    const many = `${messageCount(messages)} messages are older`;
    if (isNow) lines.push(`${many}.`);
    else if (waitMs === 0) lines.push(`${many}. A server with this retention deletes them within minutes.`);
    else {
      lines.push(
        `${many}. A server with this retention deletes them not before ${timeOf(wallMs + waitMs)}, when its clock`,
        "has run steadily for 24 hours. `roost purge --now` deletes them at once: be sure that the clock is right.",
      );
    }
  }
  return lines;
}

function timeOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function storeOf(values: OptionValues): string {
  return values.optional("store") ?? `${fileScheme}${join(resolve(values.required("data")), "messages.db")}`;
}
