// --open: shows the web chat in the browser of the user who starts a server.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";

const opener = "xdg-open";

/**
 * Opens a link, whose characters need no escape in HTML. It holds a secret, and other users of the machine see the
 * words of a command: so the browser gets the name of a file that only this user can read, and which leads to the link.
 * What goes wrong is a warning. Returns what removes the file.
 */
export function openPage(link: string, dataFolder: string, log: Log): () => void {
  const warn = (reason: string): void => log.warn("--open: no browser was started; open the link yourself", { reason });
  const path = join(dataFolder, "open.html");
  const remove = (): void => rmSync(path, { force: true });
  const program = Bun.which(opener, { PATH: process.env["PATH"] ?? "" });
  if (process.getuid?.() === 0) warn("a browser is not run as root");
  else if (program === null) warn(`${opener} is not installed`);
  else
    try {
      remove();
      const page = `<!doctype html><meta http-equiv="refresh" content="0; url=${link}"><title>Roost</title>\n`;
      writeFileSync(path, page, { mode: 0o600, flag: "wx" });
      const child = Bun.spawn([program, path], {
        stdio: ["ignore", "ignore", "ignore"],
        onExit: (_, status) => {
          if (status !== 0) warn(`${opener} ended with status ${status}`);
        },
      });
      child.unref();
    } catch (error) {
      warn(reasonOf(error));
    }
  return remove;
}
