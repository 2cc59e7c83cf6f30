// Who may do what in groups and in direct conversations, as proto/README.md says it: a line for each action, a column
// for each who acts. The suites try every cell on a store and by the protocol.

/**
 * Who acts in a group: the owner, an admin, a member, a muted admin and a muted member; who has left, who was removed,
 * and who never was a member.
 */
export const actors = ["owner", "admin", "member", "mutedAdmin", "mutedMember", "left", "removed", "stranger"] as const;
export type Actor = (typeof actors)[number];

/** What became of a try; `-`: there is no such try. */
export const verdicts = {
  yes: "allowed",
  same: "unchanged",
  no: "forbidden",
  gone: "notFound",
  ask: "approval",
  open: "noApproval",
  shut: "closed",
  muted: "muted",
  admins: "forAdmins",
  none: "noMember",
  not: "unwilling",
  all: "mentionOfAll",
} as const;
export type Verdict = keyof typeof verdicts;

/** The names of targets: another admin and member, a stranger, one that blocks the owner, one that nobody may add. */
export const targets = ["owner", "otherAdmin", "otherMember", "outsider", "foe", "shy"] as const;

/** `open`: as a group is made. `dismissed`: afterwards. */
export const tables = {
  open: `
    talk                   yes   yes   yes   muted muted no    no    no
    mentionAll             yes   yes   all   muted muted no    no    no
    mayTalk                yes   yes   yes   muted muted no    no    no
    editOwn                yes   yes   yes   no    no    no    no    gone
    react                  yes   yes   yes   no    no    no    no    gone
    recallOwn              yes   yes   yes   yes   yes   yes   yes   gone
    recallOther            yes   yes   no    yes   no    no    no    gone
    detail                 yes   yes   yes   yes   yes   no    no    no
    members                yes   yes   yes   yes   yes   no    no    no
    pinned                 yes   yes   yes   yes   yes   gone  gone  gone
    update                 yes   yes   no    yes   no    no    no    no
    settings               yes   yes   no    yes   no    no    no    no
    pin                    yes   yes   no    yes   no    no    no    no
    invite                 yes   yes   no    yes   no    no    no    no
    revoke                 yes   yes   no    yes   no    no    no    no
    invitations            yes   yes   no    yes   no    no    no    no
    requests               yes   yes   no    yes   no    no    no    no
    accept                 yes   yes   no    yes   no    no    no    no
    decline                yes   yes   no    yes   no    no    no    no
    join                   same  same  same  same  same  yes   yes   yes
    joinInvited            same  same  same  same  same  yes   yes   yes
    request                same  same  same  same  same  open  open  open
    quit                   yes   yes   yes   yes   yes   same  same  no
    alias                  yes   yes   yes   yes   yes   no    no    no
    dismiss                yes   no    no    no    no    no    no    no
    add:outsider           yes   yes   no    yes   no    no    no    no
    add:otherMember        same  same  no    same  no    no    no    no
    add:shy                not   not   no    not   no    no    no    no
    joinOther:outsider     yes   yes   no    yes   no    no    no    no
    joinOther:otherMember  same  same  no    same  no    no    no    no
    joinOther:shy          not   not   no    not   no    no    no    no
    remove:owner           -     no    no    no    no    no    no    no
    remove:otherAdmin      yes   no    no    no    no    no    no    no
    remove:otherMember     yes   yes   no    yes   no    no    no    no
    remove:outsider        same  same  no    same  no    no    no    no
    quitOther:owner        -     no    no    no    no    no    no    no
    quitOther:otherAdmin   yes   no    no    no    no    no    no    no
    quitOther:otherMember  yes   yes   no    yes   no    no    no    no
    quitOther:outsider     same  same  no    same  no    no    no    no
    mute:owner             no    no    no    no    no    no    no    no
    mute:otherAdmin        yes   no    no    no    no    no    no    no
    mute:otherMember       yes   yes   no    yes   no    no    no    no
    mute:outsider          none  none  no    none  no    no    no    no
    promote:owner          no    no    no    no    no    no    no    no
    promote:otherAdmin     same  no    no    no    no    no    no    no
    promote:otherMember    yes   no    no    no    no    no    no    no
    promote:outsider       none  no    no    no    no    no    no    no
    demote:otherAdmin      yes   no    no    no    no    no    no    no
    transfer:owner         same  same  same  same  same  no    no    no
    transfer:otherAdmin    yes   no    no    no    no    no    no    no
    transfer:otherMember   yes   no    no    no    no    no    no    no
    transfer:outsider      none  no    no    no    no    no    no    no
    transfer:foe           not   no    no    no    no    no    no    no
  `,
  closed: `
    join                   same  same  same  same  same  shut  shut  shut
    joinInvited            same  same  same  same  same  yes   yes   yes
    request                same  same  same  same  same  shut  shut  shut
    add:outsider           yes   yes   no    yes   no    no    no    no
    joinOther:outsider     yes   yes   no    yes   no    no    no    no
    accept                 yes   yes   no    yes   no    no    no    no
    talk                   yes   yes   yes   muted muted no    no    no
  `,
  approval: `
    join                   same  same  same  same  same  ask   ask   ask
    joinInvited            same  same  same  same  same  yes   yes   yes
    request                same  same  same  same  same  yes   yes   yes
    add:outsider           yes   yes   no    yes   no    no    no    no
    joinOther:outsider     yes   yes   no    yes   no    no    no    no
    accept                 yes   yes   no    yes   no    no    no    no
  `,
  closedApproval: `
    join                   same  same  same  same  same  shut  shut  shut
    request                same  same  same  same  same  shut  shut  shut
  `,
  forAdmins: `
    talk                   yes   yes   admins muted muted no   no    no
    mentionAll             yes   yes   admins muted muted no   no    no
    mayTalk                yes   yes   admins muted muted no   no    no
    editOwn                yes   yes   no    no    no    no    no    gone
    react                  yes   yes   no    no    no    no    no    gone
    recallOwn              yes   yes   yes   yes   yes   yes   yes   gone
    recallOther            yes   yes   no    yes   no    no    no    gone
    alias                  yes   yes   yes   yes   yes   no    no    no
  `,
  dismissed: `
    talk                   gone  gone  gone  gone  gone  gone  gone  gone
    mayTalk                gone  gone  gone  gone  gone  gone  gone  gone
    editOwn                no    no    no    no    no    no    no    gone
    react                  no    no    no    no    no    no    no    gone
    recallOwn              yes   yes   yes   yes   yes   yes   yes   gone
    recallOther            no    no    no    no    no    no    no    gone
    detail                 gone  gone  gone  gone  gone  gone  gone  gone
    members                gone  gone  gone  gone  gone  gone  gone  gone
    pinned                 gone  gone  gone  gone  gone  gone  gone  gone
    update                 gone  gone  gone  gone  gone  gone  gone  gone
    pin                    gone  gone  gone  gone  gone  gone  gone  gone
    invite                 gone  gone  gone  gone  gone  gone  gone  gone
    revoke                 gone  gone  gone  gone  gone  gone  gone  gone
    invitations            gone  gone  gone  gone  gone  gone  gone  gone
    requests               gone  gone  gone  gone  gone  gone  gone  gone
    accept                 gone  gone  gone  gone  gone  gone  gone  gone
    decline                gone  gone  gone  gone  gone  gone  gone  gone
    join                   gone  gone  gone  gone  gone  gone  gone  gone
    joinInvited            gone  gone  gone  gone  gone  gone  gone  gone
    request                gone  gone  gone  gone  gone  gone  gone  gone
    quit                   same  same  same  same  same  same  same  gone
    alias                  gone  gone  gone  gone  gone  gone  gone  gone
    dismiss                same  gone  gone  gone  gone  gone  gone  gone
    add:outsider           gone  gone  gone  gone  gone  gone  gone  gone
    joinOther:outsider     gone  gone  gone  gone  gone  gone  gone  gone
    remove:otherMember     gone  gone  gone  gone  gone  gone  gone  gone
    quitOther:otherMember  gone  gone  gone  gone  gone  gone  gone  gone
    mute:otherMember       gone  gone  gone  gone  gone  gone  gone  gone
    promote:otherMember    gone  gone  gone  gone  gone  gone  gone  gone
    transfer:otherMember   gone  gone  gone  gone  gone  gone  gone  gone
  `,
} as const;
export type GroupState = keyof typeof tables;

/**
 * What the receiver has set about who acts: nothing, a block, that nobody may write to it and add it, that only those
 * may with whom it has a conversation, and the same without a conversation.
 */
export const relations = ["free", "blocked", "nobody", "talked", "neverTalked"] as const;
export type Relation = (typeof relations)[number];

export const directTable = `
  talk           yes   not   not   yes   not
  mayTalk        yes   not   not   yes   not
  editOwn        yes   no    no    yes   -
  react          yes   no    no    yes   -
  recallOwn      yes   yes   yes   yes   -
  pin            yes   not   not   yes   -
  add            yes   not   not   yes   not
  joinOther      yes   not   not   yes   not
  transfer       yes   not   yes   yes   yes
  joinInvited    yes   yes   yes   yes   yes
  talkBack       yes   yes   yes   yes   yes
`;

export interface Row<Column extends string> {
  readonly action: string;
  /** '' if the action concerns nobody else. */
  readonly target: string;
  readonly cells: readonly (readonly [column: Column, verdict: Verdict])[];
}

/** The lines of a table, by its columns; without the cells that are no try. */
export function rowsOf<Column extends string>(table: string, columns: readonly Column[]): Row<Column>[] {
  return table
    .trim()
    .split("\n")
    .map((line) => {
      const [name = "", ...words] = line.trim().split(/\s+/);
      const [action = "", target = ""] = name.split(":");
      if (words.length !== columns.length) throw new Error(`${name} has ${words.length} columns`);
      const cells = columns.flatMap((column, at): [Column, Verdict][] => {
        const word = words[at];
        if (word === "-") return [];
        if (!isVerdict(word)) throw new Error(`no verdict is written ${word}`);
        return [[column, word]];
      });
      return { action, target, cells };
    });
}

function isVerdict(word: string | undefined): word is Verdict {
  return word !== undefined && word in verdicts;
}
