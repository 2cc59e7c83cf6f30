// Threads whose code is a file of its own. scripts/build makes each of them an entry of the binary, at its path below src/;
// the code that starts one lies in whatever chunk the bundler puts it into, so its own place says nothing.

/**
 * Starts a thread.
 * @param path of its file below src/, such as "store/sqlite/store-worker.ts".
 * @param source the same file, found from the caller: new URL("./store-worker.ts", import.meta.url).
 */
export function startThread(path: string, source: URL): Worker {
  const { main } = Bun;
  const isCompiled = main.includes("/$bunfs/") || main.includes("~BUN");
  return new Worker(
    (isCompiled ? new URL(path.replace(/\.ts$/, ".js"), new URL("./", `file://${main}`)) : source).href,
  );
}
