// The texts of the panel, in English and in Chinese. {name} stands for a value.

import type { Language } from "../../pages/shared/language.ts";

const english = {
  title: "Confusion matrix",
  help: "Each row is a true label, each column a predicted one; the colour is the share of the row. Select a cell, by a click or by the arrow keys, to see its examples.",
  summary: "{count} {unit}; {correct} predicted labels are right ({share} %).",
  "unit.classify": "texts",
  "unit.tag": "tokens",
  leftOut:
    "The {shown} most frequent labels have a row and a column of their own; {count} others share one row and one column, “other labels”.",
  leftOutOne:
    "The {shown} most frequent labels have a row and a column of their own; the row and the column “other labels” are those of one more label.",
  otherLabels: "other labels",
  true: "True label",
  predicted: "Predicted label",
  cornerTrue: "true ↓",
  cornerPredicted: "predicted →",
  largest: "Largest confusions",
  largestButton: "{true} → {predicted}: {count}",
  noneWrong: "All predictions are right.",
  onlyOthersWrong: "The wrong predictions are all between labels of the row and column “other labels”.",
  cell: "True label {true}, predicted {predicted}: {count} of {total} {unit} with this true label ({share} %).",
  mostProbable: "The {count} with the highest probability are listed.",
  betweenSentences: " ",
  examples: "Examples",
  text: "Text",
  token: "Token",
  probability: "Probability",
  place: "Place",
  save: "Save",
};

export type ConfusionTexts = typeof english;

const chinese: ConfusionTexts = {
  title: "混淆矩阵",
  help: "每行是一个真实标签，每列是一个预测标签；颜色是占该行的比例。点一格，或用方向键选一格，就列出其中的样本。",
  summary: "{count} {unit}；{correct} 个预测标签正确（{share} %）。",
  "unit.classify": "段文本",
  "unit.tag": "个词元",
  leftOut: "最常见的 {shown} 个标签各有一行一列；其余 {count} 个合为“其他标签”。",
  leftOutOne: "最常见的 {shown} 个标签各有一行一列；还有 1 个标签，在“其他标签”的行和列里。",
  otherLabels: "其他标签",
  true: "真实标签",
  predicted: "预测标签",
  cornerTrue: "真实 ↓",
  cornerPredicted: "预测 →",
  largest: "最多的混淆",
  largestButton: "{true} → {predicted}：{count}",
  noneWrong: "所有预测都正确。",
  onlyOthersWrong: "错误的预测都在“其他标签”所含的标签之间。",
  cell: "真实标签 {true}，预测为 {predicted}：{count} {unit}，占该真实标签 {total} {unit}的 {share} %。",
  betweenSentences: "",
  mostProbable: "列出其中概率最高的 {count} 个。",
  examples: "样本",
  text: "文本",
  token: "词元",
  probability: "概率",
  place: "位置",
  save: "保存",
};

export const CONFUSION_TEXTS: Record<Language, ConfusionTexts> = { en: english, zh: chinese };
