import { roost as command } from "../../scripts/harness/server-process.ts";

/** Runs roost with these words until it ends: the executable that ROOST_BINARY names, else the sources. */
export async function roost(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn([...command, ...words], { stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}
