// Stores that an earlier program wrote, kept as files beside this one: write-stores.ts says how they were made. Their
// answers are what that program gave.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Answers } from "./answers.ts";

const at = (name: string): string => join(import.meta.dir, name);

export interface KeptStore {
  readonly answersPath: string;
}

/** A data folder of schema 6: its index has several runs, and messages that are in none. */
export const sqliteFiles = {
  answersPath: at("sqlite-schema-6-answers.json"),
  files: ["messages.db", "messages-index.db"].map((name) => ({
    name,
    keptPath: at(`sqlite-schema-6-${name}.zst`),
  })),
} as const satisfies KeptStore & Record<string, unknown>;

/** A dump of schema 5, as pg_dump of PostgreSQL 15 makes it. */
export const postgresDump = {
  answersPath: at("postgres-schema-5-answers.json"),
  dumpPath: at("postgres-schema-5.sql"),
} as const satisfies KeptStore & Record<string, unknown>;

export function answersOfKept({ answersPath }: KeptStore): Answers {
  return JSON.parse(readFileSync(answersPath, "utf8"));
}

/** Writes the files of the SQLite store into a folder; returns the path of its messages. */
export function unpackSqlite(folder: string): string {
  for (const { name, keptPath } of sqliteFiles.files)
    writeFileSync(join(folder, name), Bun.zstdDecompressSync(readFileSync(keptPath)));
  return join(folder, "messages.db");
}
