// The form of a command: what is typed after its name. `usage` is both what /help shows and what parses a line:
//
//   #N              the number that stands beside a message
//   TEXT            the rest of the line as it is
//   another word    one word, or several in double quotes
//   [in brackets]   may be left out; with dots, any number of words

export interface CommandForm {
  /** With its slash; of two words for `/group create`. */
  readonly name: string;
  readonly usage: string;
  /** A phrase for /help. */
  readonly help: string;
}

/** What was typed after a command's name. */
export interface Given {
  /** The number of a message. */
  readonly number: number | undefined;
  readonly words: readonly string[];
  /** The rest of the line; '' if the form has no TEXT. */
  readonly text: string;
}

/** A word, or several in double quotes, in which a backslash escapes the next character. */
const wordPattern = /^\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))/;
const numberPattern = /^\s*#(\d{1,9})(?=\s|$)/;
/** Where a number is required, or nothing else may stand, its sign may be left out. */
const bareNumberPattern = /^\s*#?(\d{1,9})(?=\s|$)/;
const partPattern = /\[[^\]]*\]|\S+/g;

/** Parses what follows the name; undefined if it has not the form. */
export function readGiven({ usage }: CommandForm, typed: string): Given | undefined {
  let rest = typed;
  let number: number | undefined;
  const words: string[] = [];
  const take = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(rest);
    if (found === null) return undefined;
    rest = rest.slice(found[0].length);
    return found[2] ?? (found[1] === undefined ? undefined : unescaped(found[1]));
  };
  for (const part of usage.match(partPattern) ?? []) {
    const isOptional = part.startsWith("[");
    if (part.includes("#N")) {
      const found = take(part === usage || !isOptional ? bareNumberPattern : numberPattern);
      if (found === undefined && !isOptional) return undefined;
      if (found !== undefined) number = Number(found);
    } else if (part === "TEXT") {
      const text = rest.trim();
      return text === "" ? undefined : { number, words, text };
    } else {
      const isMany = part.includes("...");
      for (let word = take(wordPattern); ; word = take(wordPattern)) {
        if (word !== undefined) words.push(word);
        else if (!isOptional) return undefined;
        if (word === undefined || !isMany) break;
      }
    }
  }
  return rest.trim() === "" ? { number, words, text: "" } : undefined;
}

/** A text that stands in double quotes as a whole, without them; any other as it is. */
export function unquoted(text: string): string {
  const [, inner] = /^"((?:[^"\\]|\\.)*)"$/.exec(text) ?? [];
  return inner === undefined ? text : unescaped(inner);
}

function unescaped(quoted: string): string {
  return quoted.replace(/\\(.)/g, "$1");
}

/** Formats the lines of /help: each command with its phrase, in two lines where these would not fit into one. */
export function helpLines(forms: readonly CommandForm[], columns = Infinity): string[] {
  const heads = forms.map(({ name, usage }) => `${name} ${usage}`.trimEnd());
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  const isWide = forms.every(({ help }) => width + help.length <= columns);
  return forms.flatMap(({ help }, at) => {
    const head = heads[at] ?? "";
    return isWide ? [`${head.padEnd(width)}${help}`] : [head, `    ${help}`];
  });
}
