// The guide of the client library: its blocks of code and its tables.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const text = readFileSync(join(import.meta.dir, "../../src/sdk/README.md"), "utf8");

/** The blocks of code in that language, in their order. */
export function blocksOf(language: string): readonly string[] {
  return Array.from(text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)).flatMap(([, name, code = ""]) =>
    name === language ? [code] : [],
  );
}

/** What stands as code in the first cells of the tables whose first cell of the head is this. */
export function namesOf(head: string): readonly string[] {
  const names: string[] = [];
  let isInTable = false;
  for (const line of text.split("\n")) {
    const [, first = ""] = line.match(/^\| ([^|]*?) *\|/) ?? [];
    if (!line.startsWith("|")) isInTable = false;
    else if (first === head) isInTable = true;
    else if (isInTable) names.push(...Array.from(first.matchAll(/`(\w+)`/g), ([, name = ""]) => name));
  }
  return names;
}
