// All texts of the page, in English and in Chinese. {name} stands for a value.

import type { Language } from "../shared/language.ts";

const english = {
  title: "Why gradients vanish, and explode",
  lead: "A loss at the last step changes a weight through all steps before it. On its way back, the gradient is multiplied by U and by the slope of the activation once for each step, so it shrinks or grows like a power. Gates near 1 let it pass. Move the sliders; elman's kernels compute the gradients of three random networks in this page.",
  otherLanguage: "中文",
  gain: "Gain of the recurrent weights U: {value}",
  gainHelp:
    "About the spectral radius of U. In a network without activation, the gradient goes with its powers: below 1 it vanishes, above 1 it explodes.",
  keep: "Bias of the forget gate (LSTM) and of the update gate (GRU): {value}",
  keepHelp: "A large bias holds these gates near 1: the state is kept, and so is the gradient.",
  activation: "Activation of the simple network",
  activationIdentity: "none (linear)",
  hidden: "Hidden units",
  steps: "Steps",
  seed: "Random seed",
  chartTitle: "Norm of the gradient, k steps before the loss",
  chartHelp: "The axis is logarithmic: on a straight line, the norm is multiplied by the same factor at every step.",
  lag: "steps before the loss, k",
  norm: "norm of the gradient",
  elman: "simple network, h",
  gru: "GRU, h",
  lstmH: "LSTM, h",
  lstmC: "LSTM, c through step k − 1",
  tableCaption: "The same numbers",
  column: "k = {lag}",
  clipTitle: "One step of gradient descent on U, without and with clipping",
  clipHelp:
    "Learning rate 0.1. With clipping, a gradient with a norm above 1 is scaled to the norm 1: an exploding gradient cannot throw the weights far away, and its direction stays. Clipping does nothing against vanishing.",
  clipCaption: "The loss of each network",
  network: "Network",
  lossBefore: "Loss before",
  gradientNorm: "Norm of dL/dU",
  lossAfter: "Loss after",
  lossClipped: "Loss after, clipped",
  elmanName: "simple network",
  saveNumbers: "Save the numbers (JSON)",
  save: "Save",
  wrongNumber: "{name}: given {given}; expected a whole number from {least} to {most}.",
  unsupported:
    "This browser cannot run the kernels: they need WebAssembly with 128-bit vectors. A newer browser has it.",
  other: "Something went wrong: {detail}",
};

export type Texts = typeof english;

const chinese: Texts = {
  title: "梯度为什么会消失和爆炸",
  lead: "最后一步的损失要经过之前的每一步才能影响权重。梯度往回走时，每一步都要乘以 U 和激活函数的斜率，所以按指数衰减或增长；接近 1 的门则让它通过。拖动滑块试一试：三个随机网络的梯度由 elman 的内核在本页计算。",
  otherLanguage: "English",
  gain: "循环权重 U 的增益：{value}",
  gainHelp: "约等于 U 的谱半径。没有激活函数时，梯度按它的幂变化：小于 1 就消失，大于 1 就爆炸。",
  keep: "遗忘门（LSTM）和更新门（GRU）的偏置：{value}",
  keepHelp: "偏置大时，这些门接近 1：状态得以保留，梯度也得以保留。",
  activation: "简单循环网络的激活函数",
  activationIdentity: "无（线性）",
  hidden: "隐藏单元数",
  steps: "时间步数",
  seed: "随机种子",
  chartTitle: "损失之前 k 步处梯度的范数",
  chartHelp: "纵轴是对数的：直线表示每一步都乘以同一个因子。",
  lag: "损失之前的步数 k",
  norm: "梯度的范数",
  elman: "简单循环网络的 h",
  gru: "GRU 的 h",
  lstmH: "LSTM 的 h",
  lstmC: "LSTM 的 c（经第 k − 1 步）",
  tableCaption: "同样的数",
  column: "k = {lag}",
  clipTitle: "对 U 做一步梯度下降：不裁剪与裁剪",
  clipHelp:
    "学习率 0.1。裁剪时，范数超过 1 的梯度缩放到范数 1：爆炸的梯度不会把权重抛得很远，方向也不变。裁剪对梯度消失没有作用。",
  clipCaption: "各网络的损失",
  network: "网络",
  lossBefore: "更新前的损失",
  gradientNorm: "dL/dU 的范数",
  lossAfter: "更新后的损失",
  lossClipped: "裁剪并更新后的损失",
  elmanName: "简单循环网络",
  saveNumbers: "保存全部数值（JSON）",
  save: "保存",
  wrongNumber: "{name}：给出的是 {given}，应为 {least} 到 {most} 之间的整数。",
  unsupported: "这个浏览器无法运行内核：需要支持 128 位 SIMD 的 WebAssembly。请使用较新的浏览器。",
  other: "出错了：{detail}",
};

export const TEXTS: Record<Language, Texts> = { en: english, zh: chinese };
