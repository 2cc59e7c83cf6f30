// Asks gateways about connections of clients, for back ends. The sessions do not say it: it would cost each of them
// memory, and each talk a part of the time.

import type { Time } from "../../base/runtime.ts";
import type { Dispatcher } from "../../service/dispatcher.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { Location } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import { type ConnectionFacts, decodeConnectionsAnswer, encodeConnectionsQuestion } from "../../wire/connections.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** A gateway that does not answer, or is of a former release, is not waited for any longer. */
const answerMsMax = 1_000;
/** Questions under way at once; further ones are not asked. */
const askedMax = 1_000;

interface Pending {
  readonly gateway: string;
  readonly settle: (facts: readonly ConnectionFacts[]) => void;
}

export class ConnectionQuestions {
  private readonly dispatcher: Pick<Dispatcher, "tell">;
  private readonly timers: Time["timers"];
  private readonly pending = new Map<number, Pending>();
  private last = 0;

  constructor(dispatcher: ConnectionQuestions["dispatcher"], { timers }: Pick<Time, "timers">) {
    this.dispatcher = dispatcher;
    this.timers = timers;
  }

  /** Resolves with what gateways told of these connections, by channel id; those of which none told anything lack. */
  async about(locations: readonly Location[]): Promise<ReadonlyMap<string, ConnectionFacts>> {
    const byGateway = Map.groupBy(locations, ({ gateway }) => gateway);
    const told = await Promise.all(
      Array.from(byGateway, ([gateway, of]) =>
        this.ask(
          gateway,
          of.map(({ channelId }) => channelId),
        ),
      ),
    );
    return new Map(told.flat().map((facts) => [facts.channel, facts]));
  }

  /** Takes a gateway's answer. */
  readonly answered: Handler = (context) => {
    // Clients' requests carry an account.
    if (context.account !== "") throw new Refusal(Status.NotImplemented, "this command is between services");
    const answer = decodeConnectionsAnswer(context.packet.subarray(context.bodyStart));
    if (answer === undefined) throw new Refusal(Status.InvalidPacketBody, "the body does not tell of connections");
    context.dismiss();
    const pending = this.pending.get(answer.ask);
    if (pending?.gateway === context.link.gateway) pending.settle(answer.connections);
  };

  private ask(gateway: string, channels: readonly string[]): Promise<readonly ConnectionFacts[]> {
    if (this.pending.size >= askedMax) return Promise.resolve([]);
    const ask = ++this.last;
    return new Promise((resolve) => {
      const settle = (facts: readonly ConnectionFacts[]): void => {
        cancel();
        this.pending.delete(ask);
        resolve(facts);
      };
      const cancel = this.timers.after(answerMsMax, () => settle([]));
      this.pending.set(ask, { gateway, settle });
      this.dispatcher.tell(gateway, Command.Connections, encodeConnectionsQuestion({ ask, channels }));
    });
  }
}
