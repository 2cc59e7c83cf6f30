// Shows the progress of a long command as one line of a terminal, overwritten in place; nothing without a terminal.

import { draw } from "./command-output.ts";

const redrawMs = 200;

export class Progress {
  private drawnMs = 0;
  private drawn = "";

  /** Shows an activity; `part` is 0 to 1, undefined if unknown. */
  show(what: string, part?: number): void {
    const nowMs = performance.now();
    if (nowMs - this.drawnMs < redrawMs && this.drawn.startsWith(what)) return;
    this.drawnMs = nowMs;
    this.drawn = part === undefined ? `${what} …` : `${what} ${Math.floor(Math.min(1, part) * 100)} %`;
    draw(this.drawn);
  }

  /** Removes the line. */
  clear(): void {
    if (this.drawn !== "") draw("");
    this.drawn = "";
  }
}

/** Formats a size as `1.2 MB`. */
export function sizeOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
