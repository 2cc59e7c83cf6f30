// A line for a person who waits: drawn on standard error, and only where that is a terminal.

const barCells = 24;

export class Progress {
  private readonly isShown: boolean;
  private readonly write: (text: string) => void;
  private drawn = 0;

  constructor(isShown = process.stderr.isTTY, write = (text: string): void => void process.stderr.write(text)) {
    this.isShown = isShown;
    this.write = write;
  }

  /** What goes on, and how much of it is done, 0 to 1. */
  draw(name: string, phase: string, done: number): void {
    if (!this.isShown) return;
    const cells = Math.round(Math.min(1, Math.max(0, done)) * barCells);
    const line = `${name} [${"█".repeat(cells)}${"·".repeat(barCells - cells)}] ${phase}`;
    this.write(`\r${line.padEnd(this.drawn)}`);
    this.drawn = line.length;
  }

  /** Before anything else is printed. */
  clear(): void {
    if (this.drawn > 0) this.write(`\r${" ".repeat(this.drawn)}\r`);
    this.drawn = 0;
  }
}
