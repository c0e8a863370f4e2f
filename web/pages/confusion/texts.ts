// All texts of the page but those of its panel, in English and in Chinese. {name} stands for a value.

import type { Language } from "../shared/language.ts";

const english = {
  title: "Which labels are confused",
  otherLanguage: "中文",
  lead: "The predictions of a model on a data set, as written by elman evaluate --page.",
  noData: "There are no predictions in this page. Write a page that has them: elman evaluate RUN DATA --page FILE.html",
  damaged: "The data in this page cannot be read: {detail}",
};

export type Texts = typeof english;

const chinese: Texts = {
  title: "哪些标签被混淆",
  otherLanguage: "English",
  lead: "模型对一份数据的预测，由 elman evaluate --page 写出。",
  noData: "本页里没有预测。请写出带预测的网页：elman evaluate RUN DATA --page FILE.html",
  damaged: "无法读取本页里的数据：{detail}",
};

export const TEXTS: Record<Language, Texts> = { en: english, zh: chinese };
