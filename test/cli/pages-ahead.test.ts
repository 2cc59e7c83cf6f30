// The pages of an import are stored in their order, whatever the order in which they arrive.

import { expect, test } from "bun:test";
import { PagesAhead } from "../../src/cli/import/pages-ahead.ts";

/** A server that stores pages of one record, and refuses those that do not follow the last one. */
class Imports {
  readonly stored: string[] = [];
  readonly asked: string[] = [];
  underWay = 0;
  underWayMost = 0;
  /** Resolves before a page is looked at, by its text. */
  readonly delays = new Map<string, Promise<void>>();

  readonly send = async (cursor: string, page: string): Promise<number> => {
    // The network is slower with what is sent again: a page beside it would arrive first.
    const delay = this.asked.includes(page) ? Bun.sleep(5) : this.delays.get(page);
    this.asked.push(page);
    this.underWayMost = Math.max(this.underWayMost, ++this.underWay);
    await (delay ?? Bun.sleep(0));
    this.underWay--;
    if (page === "bad") throw new Error("invalid");
    if (cursor !== (this.stored.length === 0 ? "" : `${this.stored.length}`)) throw new Error("aborted");
    return this.stored.push(page);
  };

  readonly isEarly = (error: unknown): boolean => error instanceof Error && error.message === "aborted";

  get pages(): PagesAhead<string> {
    return new PagesAhead(this.stored.length, this.send, this.isEarly);
  }
}

const named = Array.from({ length: 20 }, (_, at) => `page ${at}`);

test("one page is sent ahead of the answer to the one before, and all are stored in their order", async () => {
  const imports = new Imports();
  const pages = imports.pages;
  for (const page of named) await pages.add(page, 1);
  expect(await pages.end()).toBe(named.length);
  expect(imports.stored).toEqual(named);
  expect(imports.asked).toEqual(named);
  expect(imports.underWayMost).toBe(2);
});

test("a page that overtakes the one before is refused, and sent again behind it, before all others", async () => {
  const imports = new Imports();
  const { promise, resolve } = Promise.withResolvers<void>();
  imports.delays.set("page 3", promise);
  const pages = imports.pages;
  for (const page of named.slice(0, 5)) await pages.add(page, 1);
  while (imports.asked.length < 5) await Bun.sleep(0);
  await Bun.sleep(1);
  expect(imports.stored).toEqual(named.slice(0, 3));
  const rest = (async () => {
    for (const page of named.slice(5)) await pages.add(page, 1);
    return pages.end();
  })();
  resolve();
  expect(await rest).toBe(named.length);
  expect(imports.stored).toEqual(named);
  expect(imports.asked).toEqual([...named.slice(0, 5), "page 4", ...named.slice(5)]);
});

test("what is told is the refusal of the first page that is refused, and nothing behind it is stored", async () => {
  const imports = new Imports();
  const pages = imports.pages;
  const work = async (): Promise<number> => {
    for (const page of ["page 0", "bad", "page 1", "page 2"]) await pages.add(page, 1);
    return pages.end();
  };
  await expect(work()).rejects.toThrow("invalid");
  expect(imports.stored).toEqual(["page 0"]);
});

test("a page that goes on from another place than the import's is refused, and sent no third time", async () => {
  const imports = new Imports();
  const pages = new PagesAhead(7, imports.send, imports.isEarly);
  await pages.add("page 0", 1);
  await expect(pages.end()).rejects.toThrow("aborted");
  expect(imports.asked).toEqual(["page 0"]);
});
