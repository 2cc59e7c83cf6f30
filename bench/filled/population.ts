// Who is in a filled store: the accounts whose messages scenarios read, beside many messages of others. All scenarios
// of a run share one store, so all of them are in it.

/** An account, and the messages in its conversations. */
export interface Person {
  readonly account: string;
  /** Of all its conversations; each has as many as the next one, or one more. */
  readonly messages: number;
  /** Direct conversations, each with a sender of its own: see {@link senderName}. */
  readonly senders: number;
  /** Groups that it is in, each one more conversation; default 0. */
  readonly groups?: number;
  /** It has sent a part of the messages itself, and has read some conversations up to one of the first messages. */
  readonly isActive?: boolean;
}

/** Has messages that wait, for the scenario `sync`. */
export const returning = "returning";
/** Signs in and lists its conversations. */
export const arriving = "arriving";

/** Those whose histories are read. */
export const readers = { count: 20, partners: 12 } as const;
export const readerName = (number: number): string => `reader-${number}`;
/** Those who list conversations: few of them, or many. */
export type ListSize = "few" | "many";
export const listSizes = { few: 500, many: 10_000 } as const satisfies Record<ListSize, number>;
export const listerName = (size: ListSize): string => `lister-${listSizes[size]}`;
export const markerName = (number: number): string => `marker-${number}`;

export const senderName = (number: number): string => `sender-${number}`;
/** The id of a group of somebody; ids have 22 digits. */
export const groupId = (account: string, number: number): string =>
  `${account}0${number}`.replaceAll("-", "").padStart(22, "0");
/** Who is in such a group beside that person: the first of the senders; the very first is the owner. */
export const groupSenders = 9;

/** The numbers of a population. */
interface Sizes {
  readonly ofReader: number;
  readonly ofLister: Readonly<Record<ListSize, number>>;
  readonly arrivingMessages: number;
  readonly markers: number;
  readonly markerPartners: number;
  /** In each conversation of a marker: how often its cursor can move. */
  readonly markerMessages: number;
}

/** Enough for some seconds of moving cursors as fast as possible, over 25,000 of them. */
const sizes: Sizes = {
  ofReader: readers.partners * 500,
  ofLister: { few: 500 * 20, many: 10_000 * 5 },
  arrivingMessages: 700 * 20,
  markers: 50,
  markerPartners: 500,
  markerMessages: 20,
};
const trialSizes: Sizes = {
  ofReader: readers.partners * 5,
  ofLister: { few: 500, many: 500 },
  arrivingMessages: 700 * 3,
  markers: 4,
  markerPartners: 10,
  markerMessages: 50,
};
export const sizesOf = (isTrial: boolean): Sizes => (isTrial ? trialSizes : sizes);

/** Everybody; `waiting`: how many messages wait for {@link returning}. */
export function populationOf(isTrial: boolean, waiting: number): Person[] {
  const { ofReader, ofLister, arrivingMessages } = sizesOf(isTrial);
  return [
    { account: returning, messages: waiting, senders: 1_000 },
    ...Array.from({ length: readers.count }, (_, index): Person => {
      return { account: readerName(index), messages: ofReader, senders: readers.partners };
    }),
    ...(["few", "many"] as const).map((size): Person => {
      return { account: listerName(size), messages: ofLister[size], senders: listSizes[size] };
    }),
    { account: arriving, messages: arrivingMessages, senders: 500, groups: 200, isActive: true },
    ...markersOf(isTrial),
  ];
}

/** Those who move their read cursors. */
export function markersOf(isTrial: boolean): Person[] {
  const { markers, markerPartners, markerMessages } = sizesOf(isTrial);
  return Array.from({ length: markers }, (_, index): Person => {
    return { account: markerName(index), messages: markerPartners * markerMessages, senders: markerPartners };
  });
}
