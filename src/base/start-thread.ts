// Threads with a source file of their own. scripts/build makes each file an entry of the binary, at its path below
// src/. The bundler moves the code that starts a thread, so its own location says nothing.

/**
 * Starts a thread.
 * @param path the file's path below src/, such as "store/sqlite/store-worker.ts"
 * @param source the same file as the caller sees it: new URL("./store-worker.ts", import.meta.url)
 */
export function startThread(path: string, source: URL): Worker {
  const { main } = Bun;
  const isCompiled = main.includes("/$bunfs/") || main.includes("~BUN");
  return new Worker(
    (isCompiled ? new URL(path.replace(/\.ts$/, ".js"), new URL("./", `file://${main}`)) : source).href,
  );
}
