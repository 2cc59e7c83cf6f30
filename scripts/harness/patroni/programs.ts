// The programs of a PostgreSQL that fails over by itself: Patroni, in .tools/, where it is installed if it is not there
// yet; etcd and PostgreSQL, which the system has.

import { join } from "node:path";
import { asUser, serverUser } from "../postgres-programs.ts";
import { hasPostgres } from "../postgres.ts";

export interface PatroniPrograms {
  readonly patroni: string;
  readonly patronictl: string;
  readonly etcd: string;
}

/** Finds them, and installs Patroni if need be. Throws a sentence that says what is missing. */
export async function patroniPrograms(): Promise<PatroniPrograms> {
  if (process.platform !== "linux") throw new Error("Patroni is started on Linux only");
  if (!hasPostgres) throw new Error("PostgreSQL is not installed; apt-get install postgresql");
  const etcd = Bun.which("etcd");
  if (etcd === null) throw new Error("etcd is not installed; apt-get install etcd-server");
  const install = Bun.spawn([join(import.meta.dir, "install")], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(install.stdout).text(), new Response(install.stderr).text()]);
  if ((await install.exited) !== 0) throw new Error(`Patroni is not installed: ${err.trim().split("\n").at(-1)}`);
  const folder = out.trim();
  const patroni = join(folder, "patroni");
  // Patroni runs as PostgreSQL's user, who may be kept out of the folder of whoever installed it.
  const { exitCode, stderr } = Bun.spawnSync([...asUser(serverUser()), patroni, "--version"]);
  if (exitCode !== 0)
    throw new Error(`the user of PostgreSQL cannot run ${patroni}: ${stderr.toString().trim().split("\n").at(-1)}`);
  return { patroni, patronictl: join(folder, "patronictl"), etcd };
}

/** Why a test or a benchmark that needs them cannot run here; undefined: it can. */
export async function patroniMissing(): Promise<string | undefined> {
  try {
    await patroniPrograms();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
