// All texts of the page around the panel, in English and in Chinese.

import type { Language } from "../shared/language.ts";

const english = {
  title: "Step through a recurrent network",
  lead: "Every number of a small network, forward and backward. Select a number in the picture or in an equation to see how it is computed. If you edit a weight or an input, all other numbers are computed again. elman's own kernels compute the numbers in this page, in double precision.",
  otherLanguage: "中文",
  networkTitle: "The network",
  example: "Example",
  exampleLinear: "SRN without activation, every weight 1 (textbook)",
  exampleTanh: "SRN with tanh, every weight 1 (textbook)",
  exampleDistinct: "SRN with tanh, random weights",
  exampleGru: "GRU",
  exampleLstm: "LSTM",
  exampleOwn: "my own numbers",
  cell: "Cell",
  cellElman: "simple recurrent network",
  cellGru: "GRU",
  cellLstm: "LSTM",
  activation: "Activation",
  activationIdentity: "none (identity)",
  steps: "Steps",
  inputs: "Inputs",
  hidden: "Hidden units",
  outputs: "Outputs",
  bias: "Biases",
  lossHelp:
    "The loss is half the squared error: ℓ = ½ Σ (y − y*)², summed over the outputs of a step; L is the sum over all steps.",
  keysHelp: "Keys in the picture: ← → previous and next number, ↑ ↓ the number above and below, Home and End.",
  wrongAddress: "The address of this page describes no network that the page can show; this is the first example.",
  unsupported:
    "This browser cannot run the kernels: they need WebAssembly with 128-bit vectors. A newer browser has it.",
  other: "Something went wrong: {detail}",
};

export type Texts = typeof english;

const chinese: Texts = {
  title: "一步一步看懂循环神经网络",
  lead: "一个小网络里的每一个数，前向和反向都有。在图中或算式中点一个数，就能看到它由哪些数算出。改动一个权重或输入，其余的数随之更新。所有的数都由 elman 自己的内核在本页用双精度计算。",
  otherLanguage: "English",
  networkTitle: "网络",
  example: "示例",
  exampleLinear: "没有激活函数的 SRN，权重全为 1（教科书）",
  exampleTanh: "tanh 激活的 SRN，权重全为 1（教科书）",
  exampleDistinct: "tanh 激活的 SRN，随机权重",
  exampleGru: "GRU",
  exampleLstm: "LSTM",
  exampleOwn: "自己的数",
  cell: "循环单元",
  cellElman: "简单循环网络",
  cellGru: "GRU",
  cellLstm: "LSTM",
  activation: "激活函数",
  activationIdentity: "无（恒等）",
  steps: "时间步数",
  inputs: "输入数",
  hidden: "隐藏单元数",
  outputs: "输出数",
  bias: "偏置",
  lossHelp: "损失是平方误差的一半：ℓ = ½ Σ (y − y*)²，对一个时间步的所有输出求和；L 是所有时间步之和。",
  keysHelp: "图中的按键：← → 上一个和下一个数，↑ ↓ 上面和下面的数，Home 和 End 第一个和最后一个数。",
  wrongAddress: "本页网址描述的网络无法显示，现在显示的是第一个示例。",
  unsupported: "这个浏览器无法运行内核：需要支持 128 位 SIMD 的 WebAssembly。请使用较新的浏览器。",
  other: "出错了：{detail}",
};

export const TEXTS: Record<Language, Texts> = { en: english, zh: chinese };
