import { describe, expect, test } from "bun:test";
import { helpLines, unquoted } from "../../src/cli/chat/command-form.ts";
import { allCommands } from "../../src/cli/chat/commands/all-commands.ts";
import { conversationLine, messageLine, nameList, quote } from "../../src/cli/chat/format.ts";
import { parseInput } from "../../src/cli/chat/input.ts";
import { promptText } from "../../src/cli/chat/prompt-text.ts";
import { cut, rowCount, rowsMax, rowsOf } from "../../src/cli/chat/rows.ts";

describe("a typed line", () => {
  const parse = (line: string) => parseInput(line, allCommands);

  test("without a slash is a message, and with two slashes, too", () => {
    expect(parse("hello there")).toEqual({ kind: "message", text: "hello there" });
    expect(parse("//etc/hosts")).toEqual({ kind: "message", text: "/etc/hosts" });
    expect(parse("  ")).toEqual({ kind: "nothing" });
  });

  const cases: [string, string, { number?: number; words?: string[]; text?: string }][] = [
    ["/help", "/help", {}],
    ["/to bob", "/to", { words: ["bob"] }],
    ['/to "anna maria"', "/to", { words: ["anna maria"] }],
    ["/group create team bob carol", "/group create", { words: ["team", "bob", "carol"] }],
    ["/group  create team", "/group create", { words: ["team"] }],
    ["/group join g1", "/group join", { words: ["g1"] }],
    ['/group use "the \\"big\\" team"', "/group use", { words: ['the "big" team'] }],
    ["/groups", "/groups", {}],
    ["/invite 3", "/group invite", { words: ["3"] }],
    ["/add bob carol", "/group add", { words: ["bob", "carol"] }],
    ["/mute", "/mute", {}],
    ["/group mute bob 5", "/group mute", { words: ["bob", "5"] }],
    ['/group set announcement at "noon"', "/group set", { words: ["announcement"], text: 'at "noon"' }],
    ["/edit 3 apples", "/edit", { text: "3 apples" }],
    ["/edit #3 two  apples", "/edit", { number: 3, text: "two  apples" }],
    ["/edit #3a", "/edit", { text: "#3a" }],
    ["/recall", "/recall", {}],
    ["/recall 12", "/recall", { number: 12 }],
    ["/recall #12", "/recall", { number: 12 }],
    ["/react 👍", "/react", { words: ["👍"] }],
    ["/react #4 👍", "/react", { number: 4, words: ["👍"] }],
    ["/reply #4 yes", "/reply", { number: 4, text: "yes" }],
    ["/reply 4 yes", "/reply", { number: 4, text: "yes" }],
    ["/pin off", "/pin", { words: ["off"] }],
    ["/hide #2", "/hide", { number: 2 }],
  ];
  for (const [line, name, { number, words = [], text = "" }] of cases) {
    test(`"${line}" is ${name}`, () => {
      const input = parse(line);
      if (input.kind !== "command") throw new Error(`it is ${input.kind}`);
      expect([input.command.name, input.given]).toEqual([name, { number, words, text }]);
    });
  }

  test("that is a command which does not exist, or lacks or has a word too much, is never sent as a message", () => {
    const lines = ["/to", "/group", "/group create", "/group join", "/group drop g1", "/leave", "/to a b", "/who me"];
    for (const line of [...lines, "/edit", "/edit #3", "/reply yes", "/reply #3", "/react 4 👍", "/recall that"])
      expect([line, parse(line).kind]).toEqual([line, "invalid"]);
  });

  test("that is no command is answered with what would be right", () => {
    const sentence = (line: string): string => {
      const input = parse(line);
      return input.kind === "invalid" ? input.sentence : "";
    };
    expect(sentence("/reply yes")).toBe("/reply: expected /reply #N TEXT");
    expect(sentence("/who me")).toBe("/who: expected nothing after it");
    expect(sentence("/group")).toBe(
      "/group: expected create, use, join, request, withdraw, quit, info, add, kick, admin, mute, transfer, set, " +
        "alias, invite, invitations, revoke, requests, accept, decline or dismiss",
    );
    expect(sentence("/lea\u001b[2Jve")).toBe('unknown command /"lea\\u001b[2Jve"; /help lists the commands');
  });

  test("is explained by /help, each command in a line of 80 cells, or in two of 60", () => {
    for (const [columns, rows] of [
      [80, 1],
      [60, 2],
    ] as const) {
      const lines = helpLines(allCommands, columns);
      expect(lines).toHaveLength(rows * allCommands.length);
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
    }
  });
});

describe("a message", () => {
  const shown = (message: { sender?: string; where?: string; body?: string }): string =>
    messageLine({ sender: "alice", where: "", body: "hello", sendTime: 0n, ...message }).slice("12:34 ".length);

  test("is one line with its sender, whatever names and bodies hold", () => {
    const line = shown({ sender: "bob\u001b[31m", where: "team", body: "one\ntwo" });
    expect(line).toBe('[team] "bob\\u001b[31m": one ⏎ two');
  });

  test("begins with its time, and a name that could be a mark, a group or a sentence stands in quotes", () => {
    expect(shown({})).toBe("alice: hello");
    expect(shown({ sender: "[g] carol" })).toBe('"[g] carol": hello');
    expect(shown({ sender: "! the connection is lost" })).toBe('"! the connection is lost": hello');
    expect(shown({ sender: "* bob joined team" })).toBe('"* bob joined team": hello');
    expect(shown({ sender: 'a": b' })).toBe('"a\\": b": hello');
    expect(shown({ sender: "12:34 bob" })).toBe('"12:34 bob": hello');
    expect(shown({ sender: "anna maria" })).toBe('"anna maria": hello');
  });

  test("shows its number, ticks and what was done to it before the colon, where no text can imitate them", () => {
    const base = { sender: "bob", where: "", body: "yes", sendTime: 0n, number: 7 };
    const answers = quote(3, { body: "are you there, or\u001b[2J somewhere else?", isRecalled: false });
    expect(messageLine({ ...base, ticks: "✓✓", isEdited: true, answers }).slice("12:34 ".length)).toBe(
      '#7 ✓✓ bob (edited, to #3 "are you there, or\ufffd[2J s…"): yes',
    );
    expect(messageLine({ ...base, body: "", isRecalled: true }).slice("12:34 ".length)).toBe(
      "#7 bob recalled this message",
    );
    expect(quote(0, { body: "", isRecalled: true })).toBe("to a recalled message");
  });

  test("shows reactions with their counts, none of which moves the cursor or ends the list", () => {
    const reactions = [
      { reaction: "👍", count: 2, isMine: true },
      { reaction: "\u001b[2J", count: 1, isMine: false },
      { reaction: "] 12:34 eve", count: 1, isMine: false },
    ];
    expect(messageLine({ sender: "bob", where: "", body: "yes", sendTime: 0n, reactions })).toEndWith(
      'bob: yes [👍 2, "\\u001b[2J" 1, "] 12:34 eve" 1]',
    );
  });

  test("shows tabs as blanks, and a newline of any system as one", () => {
    expect(shown({ body: "a\tb\r\nc\nd" })).toBe("alice: a  b ⏎ c ⏎ d");
  });

  test("that is not text, or mentions its reader, says so", () => {
    expect(messageLine({ sender: "bob", where: "", body: "cat.png", sendTime: 0n, type: 2 })).toEndWith(
      " bob (image): cat.png",
    );
    expect(messageLine({ sender: "bob", where: "", body: "hi @alice", sendTime: 0n, isForMe: true })).toEndWith(
      " bob (mentions you): hi @alice",
    );
  });

  test("does not fill the rest of the line with blanks, after which another's line would seem to begin", () => {
    for (const blank of [" ", "\u00a0", "\u3000", "\u2800"])
      expect(shown({ body: `hi${blank.repeat(200)}12:35 bob: yes` })).toBe("alice: hi   12:35 bob: yes");
  });
});

test("a prompt leaves room to type, and cuts the name before what happens", () => {
  expect(promptText("", ["", ""], 80)).toBe("> ");
  expect(promptText("[team]", ["ann is typing", "+3"], 80)).toBe("[team] ann is typing +3> ");
  expect(promptText(`[${"研".repeat(40)}]`, ["ann is typing", "+3"], 40)).toBe("[研研研研研… ann is typing +3> ");
  expect(promptText("ann", [`${"b".repeat(80)} is typing`], 40)).toBe(`ann ${"b".repeat(25)}…> `);
  expect(promptText(`[${"x".repeat(80)}]`, [], 40)).toBe(`[${"x".repeat(18)}…> `);
});

describe("a line of a terminal", () => {
  test("is broken by us, and no row but the first begins at the left", () => {
    const line = `12:34 bob: ${"x".repeat(68)} 15:30 alice: please pay ${"y ".repeat(400)}`;
    const rows = rowsOf(line, 80);
    expect(rows.length).toBeGreaterThan(5);
    for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(80);
    for (const row of rows.slice(1)) expect(row).toStartWith("        ");
  });

  test("counts wide characters by their cells and tears no cluster", () => {
    const rows = rowsOf(`12:34 bob: ${"漢".repeat(100)}${"👩‍👩‍👧".repeat(40)}`, 41);
    for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(41);
    expect(rows.map((row) => row.trim()).join("")).toBe(`12:34 bob: ${"漢".repeat(100)}${"👩‍👩‍👧".repeat(40)}`);
  });

  test("has at most twenty rows, and says how much is left out", () => {
    const rows = rowsOf(`12:34 bob: ${"z".repeat(16_000)}`, 80);
    expect(rows).toHaveLength(rowsMax);
    expect(rows.at(-1)).toMatch(/^ {8}… [\d,]+ more characters$/);
    const shown = rows.slice(0, -1).join("").replaceAll(" ", "").length - "12:34bob:".length;
    expect(Number(/[\d,]+/.exec(rows.at(-1) ?? "")?.[0].replaceAll(",", ""))).toBe(16_000 - shown);
  });

  test("is indented less where there is little room, and is never wider than the terminal", () => {
    for (const columns of [5, 10, 20, 31, 32]) {
      for (const row of rowsOf(`12:34 bob: ${"x漢".repeat(20)}`, columns).slice(1, -1)) {
        expect(Bun.stringWidth(row)).toBeLessThanOrEqual(columns);
        expect(row).toMatch(columns < 32 ? /^ {1,7}[^ ]/ : /^ {8}[^ ]/);
      }
    }
  });

  test("takes the rows that a terminal gives it, which tears no wide character", () => {
    expect(rowCount("bob> ", 20)).toBe(1);
    // Where the last of a row's 19 cells stays empty.
    expect(rowCount(`bob> ${"漢".repeat(100)}`, 20)).toBe(11);
    expect(rowCount(`bob> ${"x".repeat(35)}`, 20)).toBe(2);
  });

  test("on a terminal of no width is still shown", () =>
    expect(rowsOf("12:34 bob: hello there", 0).join("")).toContain("bob"));
});

test("a list of names shows five of them and a count", () => {
  expect(nameList(["a", "b b", "c"])).toBe('a, "b b", c');
  expect(nameList(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d, e and 1 other");
  expect(nameList(["a", "b", "c", "d"], 3, 192)).toBe("a, b, c and 189 others");
  expect(nameList([], 3, 192)).toBe("192 others");
  expect(nameList(Array.from({ length: 9_990 }, (_, at) => `m${at}`))).toBe("m0, m1, m2, m3, m4 and 9,985 others");
});

describe("a line of the list of conversations", () => {
  const state = {
    key: "u:bob",
    partner: { account: "bob" },
    activityId: 1n,
    lastMessage: undefined,
    unread: 0,
    isAtLeast: false,
    unreadMentions: 0,
    readId: 0n,
    peerReadId: 0n,
    isPinned: false,
    isMuted: false,
    isHidden: false,
  };
  const lastMessage = {
    ...{ id: 1n, clientId: "", sender: "bob", sendTime: 0n, type: 1, body: `漢字\u001b[2J${"x".repeat(100)}` },
    ...{ extra: "", mentions: [], replyTo: 0n, media: [], isEdited: false, isRecalled: false, reactions: [] },
    state: "stored" as const,
  };

  test("shows what is unread, and its marks", () => {
    expect(conversationLine("bob", state, 80)).toBe("* bob");
    expect(conversationLine("bob", { ...state, unread: 1_000, isAtLeast: true, isPinned: true }, 80)).toBe(
      "* bob (1,000+ unread, pinned)",
    );
  });

  test("is cut to the width of the terminal, wide characters counted by their cells", () => {
    for (const width of [24, 25, 26, 40, 80]) {
      const line = conversationLine("bob", { ...state, isMuted: true, lastMessage }, width);
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
      expect(line).toEndWith("…");
      expect(line).not.toContain("\u001b");
    }
  });

  test("keeps whole clusters when it is cut", () => {
    expect(cut("漢字漢字", 5)).toBe("漢字…");
    expect(cut("👩‍👩‍👧👩‍👩‍👧", 3)).toBe("👩‍👩‍👧…");
    expect(cut("abc", 3)).toBe("abc");
  });
});

test("a text in double quotes is taken without them, if it is quoted as a whole", () => {
  const texts = ['""', '"the crew"', '"a \\"b\\""', '"a" and "b"', "a", '"', '"a'];
  expect(texts.map(unquoted)).toEqual(["", "the crew", 'a "b"', '"a" and "b"', "a", '"', '"a']);
});
