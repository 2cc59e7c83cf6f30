// roost import: stores the JSON lines of an export in an app that nobody has used. The server knows how many records of
// the import it has, so a repetition goes on behind them, whatever became of the last one.

import { basename } from "node:path";
import { apiMethods } from "../../api/description/methods.ts";
import { importCursor } from "../../store/data.ts";
import { type ApiPlace, callMethod, CallRefused } from "../api/call.ts";
import { placeOf } from "../api/place.ts";
import { printLines, say } from "../command-output.ts";
import type { OptionValues } from "../option-values.ts";
import { Progress } from "../progress.ts";
import { type FilePage, pagesOf } from "./file-pages.ts";
import { PagesAhead } from "./pages-ahead.ts";
import { patiently } from "./patience.ts";

const nothing: FilePage = { lines: [], first: 0 };

/** Throws StartError, UsageError. */
export async function importRecords(values: OptionValues): Promise<void> {
  const [path = ""] = values.operands;
  const name =
    values.optional("name") ??
    basename(path)
      .replace(/[^!-~]/g, "-")
      .slice(0, 64);
  const app = values.isGiven("app") ? values.required("app") : undefined;
  const target = new ImportTarget(placeOf(values), { name, app });
  const progress = new Progress();
  try {
    const before = await target.send("", nothing);
    if (before > 0) say(`the import ${name} has ${counted(before)} already, and is gone on with`);
    const pages = new PagesAhead<FilePage>(before, (cursor, page) => target.send(cursor, page), isEarly);
    for await (const page of pagesOf(path, before)) progress.show(counted(await pages.add(page, page.lines.length)));
    const stored = await pages.end();
    if (values.required("last")) await target.send(importCursor(stored), nothing, true);
    progress.clear();
    await printLines([`The import ${name} has ${counted(stored)}.`]);
  } finally {
    progress.clear();
  }
}

/** The page before is not stored yet. */
function isEarly(error: unknown): boolean {
  return error instanceof CallRefused && error.code === "aborted";
}

function isBusy(error: unknown): boolean {
  return error instanceof CallRefused && error.code === "unavailable";
}

function counted(records: number): string {
  return `${records.toLocaleString("en-US")} record${records === 1 ? "" : "s"}`;
}

class ImportTarget {
  private readonly place: ApiPlace;
  private readonly fields: { readonly name: string; readonly app: string | undefined };

  constructor(place: ApiPlace, fields: { readonly name: string; readonly app: string | undefined }) {
    this.place = place;
    this.fields = fields;
  }

  /** Returns how many records the import has; a page without lines asks for that. Waits for a server that is busy. */
  send(cursor: string, page: FilePage, last = false): Promise<number> {
    return patiently(() => this.sendOnce(cursor, page, last), isBusy);
  }

  /** Lines are JSON already. */
  private async sendOnce(cursor: string, { lines, first }: FilePage, last: boolean): Promise<number> {
    const head = JSON.stringify({ ...this.fields, cursor, last });
    const request = `${head.slice(0, -1)},"records":[${lines.join(",")}]}`;
    let answer = "";
    const method = apiMethods.get("Messages/Import");
    if (method === undefined) throw new Error("the API has the method Messages/Import");
    try {
      await callMethod(this.place, method, request, (json) => {
        answer = json;
        return Promise.resolve();
      });
    } catch (error) {
      if (!(error instanceof CallRefused)) throw error;
      throw new CallRefused({ code: error.code, sentence: withLine(error.sentence, first) });
    }
    const { stored }: { stored?: string } = JSON.parse(answer);
    return Number(stored ?? "0");
  }
}

/** Names a record by its place in the file, rather than in its page. */
function withLine(sentence: string, first: number): string {
  return sentence.replace(
    /records\[(\d+)\]/,
    (_, position: string) => `record ${first + Number(position)} of the file`,
  );
}
