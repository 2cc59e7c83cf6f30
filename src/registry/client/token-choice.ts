// Chooses the token for a node of the registry. A process has a token for each of its cluster keys, and sends the first
// one. During a change of keys, a node may know only another one because it has not read them again: so a refused
// request is repeated with the other tokens, and a token that the node accepts is sent first from then on.

/** Nodes remembered for accepting another token than the first one. */
const nodesMax = 256;

export class TokenChoice {
  private readonly tokens: () => readonly string[];
  /** By node; a node that accepts the first token is absent. */
  private readonly taken = new Map<string, string>();

  /** @param tokens the current ones, the preferred one first, at most one per cluster key; none: no token is sent */
  constructor(tokens: () => readonly string[]) {
    this.tokens = tokens;
  }

  /**
   * Sends a request to a node, and repeats it with further tokens while the reply is a refusal. Returns the last reply.
   * `request` receives the headers with a token.
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
