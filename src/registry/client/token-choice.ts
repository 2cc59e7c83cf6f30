// Which token a node of the registry is shown. A process has one for each of its cluster keys, and shows the first one.
// While the keys of a cluster are changed, a node that has not read them again yet may know only another one: so a
// request that is refused for its token is repeated with the others, and the token that the node takes is shown to it
// first from then on.

/** Nodes of which it is remembered that they take another token than the first one. */
const nodesMax = 256;

export class TokenChoice {
  private readonly tokens: () => readonly string[];
  /** By node; a node that takes the first token is not here. */
  private readonly taken = new Map<string, string>();

  /** @param tokens those of now, the preferred one first, at most one for each cluster key; none: nothing is shown */
  constructor(tokens: () => readonly string[]) {
    this.tokens = tokens;
  }

  /**
   * Makes a request of a node, again with each further token while the reply is a refusal of the one before. Returns
   * the last reply. `request` is given the headers that show a token.
   */
  async ask<Reply>(
    node: string,
    request: (headers: Readonly<Record<string, string>>) => Promise<Reply>,
    isRefusal: (reply: Reply) => boolean,
  ): Promise<Reply> {
    const tokens = this.tokens();
    const [first] = tokens;
    const known = this.taken.get(node);
    const shown = known !== undefined && tokens.includes(known) ? known : first;
    let reply = await request(headersOf(shown));
    if (!isRefusal(reply)) return reply;
    this.taken.delete(node);
    for (const token of tokens) {
      if (token === shown) continue;
      reply = await request(headersOf(token));
      if (isRefusal(reply)) continue;
      if (token !== first) this.remember(node, token);
      return reply;
    }
    return reply;
  }

  private remember(node: string, token: string): void {
    const [oldest] = this.taken.keys();
    if (this.taken.size >= nodesMax && oldest !== undefined) this.taken.delete(oldest);
    this.taken.set(node, token);
  }
}

function headersOf(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
