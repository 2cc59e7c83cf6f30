import { join } from "node:path";

/** Runs roost from its sources with these words until it ends. */
export async function roost(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../src/main.ts"), ...words], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}
