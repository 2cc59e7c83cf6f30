// roost purge: reports the messages older than the retention, and when a server deletes them; --now deletes them.

import { openPurgeTool } from "../options/engines.ts";
import { messageCount } from "../store/clock-notices.ts";
import type { PurgeSurvey, PurgeTool } from "../store/purge.ts";
import { StoreUnavailable } from "../store/store.ts";
import { printLines } from "./command-output.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { storeUrlOf } from "./store-place.ts";
import { counted } from "./text-table.ts";
import { StartError, UsageError } from "./usage-error.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** Prints what a purge would delete, or deletes it. Throws StartError, UsageError. */
export async function purge(values: OptionValues): Promise<void> {
  const asked = values.isGiven("retention") ? values.required("retention") * dayMs : undefined;
  if (asked === 0) throw new UsageError("--retention forever deletes nothing: expected days to keep, such as 15d");
  try {
    const isNow = values.required("now");
    // A survey writes nothing.
    const tool = await openPurgeTool(storeUrlOf(values), !isNow || values.required("store-async"));
    try {
      await purgeWith(tool, asked, isNow);
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
      "the servers of this store keep messages forever; set the days to keep with --retention, such as 15d",
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

/** Returns the lines that report a survey; `isNow`: the messages are about to be deleted. */
export function purgeReport(survey: PurgeSurvey, keepMs: number, isNow: boolean): string[] {
  const { wallMs, committedMs, messages, waitMs } = survey;
  const lines = [`Messages are kept for ${counted(keepMs / dayMs, "day")}. The clock says ${timeOf(wallMs)}.`];
  if (committedMs !== undefined && committedMs > wallMs + minuteMs) {
    lines.push(`The newest message is dated ${timeOf(committedMs)}, after that: the clock was wrong then, or is now.`);
  }
  if (messages === 0) lines.push("No message is older.");
  else {
    const many = `${messageCount(messages)} messages are older`;
    if (isNow) lines.push(`${many}.`);
    else if (waitMs === 0) lines.push(`${many}. A server with this retention deletes them within minutes.`);
    else {
      lines.push(
        `${many}. A server with this retention deletes them at ${timeOf(wallMs + waitMs)} at the earliest, when its`,
        "clock has run steadily for 24 hours. `roost purge --now` deletes them now: check the clock first.",
      );
    }
  }
  return lines;
}

function timeOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
