// A file system of a few megabytes in memory, so that a test can fill it. To mount one takes rights that not every
// machine gives: `canMount` tells, and a test that cannot run is skipped visibly.

import { mkdtempSync, rmSync, statfsSync, writeFileSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

function run(words: readonly string[]): boolean {
  return Bun.spawnSync([...words], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

export class SmallDisk {
  readonly folder: string;
  private readonly ballast: string;

  /** Throws when nothing can be mounted. */
  constructor(megabytes: number) {
    this.folder = mkdtempSync(join(tmpdir(), "small-disk-"));
    this.ballast = join(this.folder, "ballast");
    if (!run(["mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "roost-test", this.folder])) {
      rmSync(this.folder, { recursive: true });
      throw new Error("cannot mount a file system");
    }
  }

  /** Leaves no free page, or `leaveBytes`. */
  fill(leaveBytes = 0): void {
    // What is there already stays: nobody finds room meanwhile.
    if (leaveBytes > 0) writeFileSync(this.ballast, "");
    const { bavail, bsize } = statfsSync(this.folder);
    const page = Buffer.alloc(4096, 1);
    for (let left = bavail * bsize - leaveBytes; left >= page.length; left -= page.length) {
      try {
        appendFileSync(this.ballast, page);
      } catch {
        return;
      }
    }
  }

  makeRoom(): void {
    rmSync(this.ballast, { force: true });
  }

  remount(how: "ro" | "rw"): void {
    if (!run(["mount", "-o", `remount,${how}`, this.folder])) throw new Error("cannot mount the file system again");
  }

  remove(): void {
    run(["umount", "-l", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Reports whether this process may mount. */
export function canMount(): boolean {
  try {
    new SmallDisk(1).remove();
    return true;
  } catch {
    return false;
  }
}
