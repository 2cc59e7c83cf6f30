// Makes foreign text harmless for terminals and logs. Names, error messages of other processes and message bodies hold
// whatever their authors chose; a control character moves the cursor or sets a title, a newline forges a line, a
// direction mark reverses text, and an invisible character makes two names look alike. All text that reaches a person
// passes through here: log lines, sentences, tables, the terminal client.
//
// The classes are Unicode's general categories and properties (https://www.unicode.org/reports/tr44/).

const replacement = "\ufffd";

/**
 * Control and format characters, line and paragraph separators, characters that are invisible by default (fillers,
 * variation selectors, tags), and halves of surrogate pairs.
 */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Invisible characters that are part of visible ones: a variation selector after a pictograph or within a keycap, and a
 * joiner between two pictographs or within a word of a script that joins its letters.
 */
const pictograph = String.raw`(?:\p{Extended_Pictographic}|\p{Emoji_Modifier})`;
const joiningScripts =
  "Arabic Syriac Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Myanmar Khmer";
const joiningLetter = joiningScripts.replaceAll(/(\w+) ?/g, String.raw`\p{Script=$1}`);
const joined = [
  String.raw`(?<=${pictograph})\ufe0f`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=${pictograph}\ufe0f?)\u200d(?=\p{Extended_Pictographic})`,
  String.raw`(?<=[${joiningLetter}])[\u200c\u200d](?=[\p{L}\p{M}])`,
].join("|");

const hiddenOrJoined = new RegExp(`(${joined})|${hidden.source}`, "gu");

/** Reports whether a text holds nothing that a terminal obeys or hides. */
export function isPrintable(text: string): boolean {
  return !hidden.test(text);
}

/** Returns one line for a terminal: a newline becomes ` ⏎ `, and any other hidden character U+FFFD. */
export function printable(text: string): string {
  if (isPrintable(text)) return text;
  return text.replace(hiddenOrJoined, (character, kept: string | undefined) => {
    if (kept !== undefined) return kept;
    return character === "\n" ? " ⏎ " : replacement;
  });
}

/** Returns lines of this program, each of which may contain foreign text. */
export function printableLines(text: string): string {
  return isPrintable(text) ? text : text.split("\n").map(printable).join("\n");
}

/** Returns a JSON string in which hidden characters are escaped as `\uXXXX`: nothing is lost, nothing obeyed. */
export function quotedText(text: string): string {
  return escaped(JSON.stringify(text));
}

/** Escapes in JSON all that a terminal would obey or hide as `\uXXXX`, which means the same. */
export function escaped(json: string): string {
  if (isPrintable(json)) return json;
  return json.replace(hiddenOrJoined, (characters) => {
    let escape = "";
    for (let at = 0; at < characters.length; at++)
      escape += `\\u${characters.charCodeAt(at).toString(16).padStart(4, "0")}`;
    return escape;
  });
}

/**
 * Returns a name for a sentence: unchanged if it is a word of letters, digits and `._@+-`, else quoted, so that a name
 * cannot pass for punctuation, for text of this program or for several names.
 */
export function namedText(name: string): string {
  return /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*$/u.test(name) && isPrintable(name) ? name : quotedText(name);
}
