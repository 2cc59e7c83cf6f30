// What is said in a demonstration: short dialogues, whose lines are said in order by people who take turns, and groups
// in which they are said.

export type Language = "english" | "chinese" | "arabic";

/** What one says, and another answers. */
type Dialogue = readonly string[];

export const dialogues: Readonly<Record<Language, readonly Dialogue[]>> = {
  english: [
    [
      "Lunch at half past twelve?",
      "Yes, the usual place",
      "I'll be five minutes late",
      "No worries, we'll order for you 🍜",
    ],
    [
      "The build is green again",
      "What was it?",
      "A test that counted days across midnight 🙃",
      "Classic",
      "Wrote it down so that it stays fixed",
    ],
    ["Who has the key to the small meeting room?", "Me, sorry! Bringing it back now", "🙏"],
    [
      "Could somebody look at my change? It's forty lines",
      "On it",
      "Two small remarks, otherwise good",
      "Thanks, both are in",
    ],
    ["Train is stuck outside the station. Start without me", "OK, we'll take notes", "Moving again, twenty minutes"],
    [
      "Did anybody see the northern lights last night?",
      "No! Where?",
      "From the hill behind the school, about eleven",
      "Pictures, please 😍",
    ],
    ["Reminder: the survey closes on Friday", "Done", "Done, took three minutes", "Thank you all"],
    ["What do we bring on Saturday?", "I have salad and bread", "I'll make the cake 🎂", "Then I'm drinks", "Perfect"],
    ["The new chairs are here", "Finally!", "They squeak", "All of them?", "Only mine, apparently"],
    ["Is the demo still on Thursday at three?", "Yes, in the big room", "I'll run through it once more on Wednesday"],
    ["I can't find the notes of last week", "Pinned them here, look at the top", "Ah, thank you!"],
    ["Morning ☀️", "Morning!", "Coffee's ready"],
    ["How is the little one?", "Better, the fever is gone", "So glad to hear that ❤️", "Thanks for asking"],
    [
      "Which of the two logos?",
      "The first, it works when it's small",
      "First",
      "Second, but I can live with the first",
      "First it is",
    ],
    [
      "The longer version: the old server goes on Monday, both run until Wednesday, then the address is switched.",
      "If anything looks odd, say so here before noon",
      "Clear, thanks",
      "+1",
    ],
    ["Has anyone tried the bakery on the corner?", "The rye is excellent", "Go before nine"],
    ["I'll be away from Monday, back on the 12th", "Enjoy it!", "Who looks after the queue?", "I do"],
    ["Numbers of this week:\n- 41 answered\n- 3 open\n- 0 late", "Nice work 🎉", "The three are waiting for parts"],
    ["Can you call me when you're free?", "In ten minutes?", "Perfect"],
    ["Happy birthday! 🎈", "Happy birthday!!", "Thank you, cake is in the kitchen"],
    ["The printer again …", "Off and on?", "Off and on", "Works", "It knows when you're in a hurry"],
    ["👍", "?", "Sorry, wrong window 😅"],
  ],
  chinese: [
    ["今天中午一起吃饭吗？", "好啊，去哪家？", "楼下新开的那家面馆 🍜", "十二点见"],
    ["新版本已经发布了", "辛苦了！", "我这边看起来没问题", "大家再测一下就可以关单了"],
    ["周末有人去爬山吗？", "我去！", "早上八点集合，地铁口", "记得带水和雨衣 ☔"],
    ["会议改到三点", "收到", "收到，谢谢提醒"],
    ["这份文档谁来审一下？", "我来，下午给你意见", "太好了 🙏"],
    ["生日快乐 🎂", "谢谢大家！", "晚上请客吗？哈哈"],
  ],
  arabic: [
    ["صباح الخير ☀️", "صباح النور", "هل الاجتماع ما زال في العاشرة؟", "نعم، في القاعة الكبيرة"],
    ["من يريد قهوة؟", "أنا، بدون سكر من فضلك", "وأنا أيضا ☕"],
    ["أرسلت لكم الصور من الرحلة", "جميلة جدا ❤️", "متى نعود إلى هناك؟"],
    ["النسخة 2.4 جاهزة للتجربة", "سأجربها الآن", "تعمل بشكل ممتاز 👍"],
  ],
};

interface GroupPlan {
  readonly name: string;
  readonly language: Language;
  readonly introduction: string;
  readonly announcement?: string;
}

/** Further groups are numbered. */
export const groupPlans: readonly GroupPlan[] = [
  {
    name: "Everybody",
    language: "english",
    introduction: "All of us",
    announcement: "The office is closed on Friday afternoon.",
  },
  {
    name: "Release 2.4",
    language: "english",
    introduction: "Until it is out",
    announcement: "Code freeze: Thursday, noon",
  },
  { name: "Lunch 🍜", language: "english", introduction: "Who, where, when" },
  { name: "产品讨论", language: "chinese", introduction: "产品与设计", announcement: "每周三下午三点例会" },
  { name: "Hiking club", language: "english", introduction: "One hill a month" },
  { name: "فريق الدعم", language: "arabic", introduction: "الدعم الفني" },
  { name: "Book corner", language: "english", introduction: "This month: something short" },
  {
    name: "Support",
    language: "english",
    introduction: "Questions of customers",
    announcement: "On duty: see the pinned message",
  },
  { name: "周末活动", language: "chinese", introduction: "爬山、骑车、看电影" },
  { name: "Photos", language: "english", introduction: "Yours, please" },
];

export const reactions: readonly string[] = ["👍", "❤️", "😂", "🎉", "🙏", "👀"];
/** What an edit adds to a message. */
export const afterthoughts: readonly string[] = [" 🙂", " …", " ✅", " 🙏"];
