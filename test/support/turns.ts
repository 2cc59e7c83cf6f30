// Turns of the event loop by hand: what was asked to run at the end of a turn runs when the test says so.

export class Turns {
  private actions: (() => void)[] = [];

  readonly soon = (action: () => void): void => {
    this.actions.push(action);
  };

  /** Ends the turn; true when something ran. What that asks for runs at the end of the next one. */
  end(): boolean {
    const { actions } = this;
    this.actions = [];
    for (const action of actions) action();
    return actions.length > 0;
  }

  /** Ends turns until nothing is left to run; returns how many there were. */
  endAll(): number {
    let turns = 0;
    while (this.end()) turns++;
    return turns;
  }
}
