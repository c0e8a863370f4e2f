// The explanation of the selected number: equation in symbols and in numbers, line of code, finite difference.

import { create } from "../../pages/shared/elements.ts";
import { fill } from "../../pages/shared/language.ts";
import { codeLine } from "./code_lines.ts";
import { derivation } from "./derivations.ts";
import { evaluate, type Expression, type Notation, write } from "./expressions.ts";
import { fullNumber, shortNumber } from "../numbers.ts";
import { isDerivative, key, type NetworkNumber, type NetworkNumbers, withoutDerivative } from "./numbers.ts";
import { math, mathLine, mathName, mathNumber, mathOperator, mathPower, mathSymbol, plainSymbol } from "./symbols.ts";
import type { PanelTexts } from "./texts.ts";

/** A finite difference is as good as this; its error is about 1e-10. */
const TOLERANCE = 1e-6;
/** Some roundings of the loss, divided by the step of the difference. */
const ROUNDING = 2e-10;

const FUNCTION_NAMES = { tanh: "tanh", sigmoid: "σ", relu: "relu", step: "1[> 0]" };

/** Describes a number in words: "hidden state, step 2, unit 1". */
export function describe(network: NetworkNumbers, number: NetworkNumber, texts: PanelTexts): string {
  if (isDerivative(number)) {
    const inner = withoutDerivative(number);
    return fill(texts.derivativeOf, { what: describeInner(network, inner, texts, inner.name.startsWith("gate.")) });
  }
  return describeInner(network, number, texts, false);
}

function describeInner(
  network: NetworkNumbers,
  { name, index }: NetworkNumber,
  texts: PanelTexts,
  isBeforeActivation: boolean,
): string {
  const plain = texts[`name.${name}` as keyof PanelTexts];
  let what = isBeforeActivation ? fill(texts.beforeActivation, { gate: plain }) : plain;
  const [first = 0, second = 0] = index.map((i) => i + 1);
  const isOfCell = ["W", "U", "b_ih", "b_hh"].includes(name);
  if (isOfCell && network.cell !== "elman") {
    const gate = network.gates[Math.floor(index[0]! / network.H)]!;
    what = fill(texts.place, { what, where: texts[`name.gate.${gate}` as keyof PanelTexts] });
  }
  const row = isOfCell ? ((first - 1) % network.H) + 1 : first;
  return fill(texts.place, { what, where: whereOf(name, row, second, index.length, texts) });
}

function whereOf(name: string, first: number, second: number, axes: number, texts: PanelTexts): string {
  if (["W", "U", "V"].includes(name)) return fill(texts.ofWeight, { row: first, column: second });
  if (name === "loss") return fill(texts.ofStepOnly, { step: first });
  return axes === 1 ? fill(texts.ofUnit, { unit: first }) : fill(texts.ofStep, { step: first, unit: second });
}

/** The elements that explain a number. Numbers in the equation are buttons with data-key. */
export function explain(network: NetworkNumbers, selected: NetworkNumber, texts: PanelTexts): HTMLElement[] {
  const value = network.value(selected);
  const symbol = math(mathSymbol(network, selected));
  const words = describe(network, selected, texts);
  const parts: HTMLElement[] = [
    create("h3", {}, symbol, ` = ${fullNumber(value)}`),
    create("p", { class: "words" }, words),
  ];
  const equation = derivation(network, selected);
  if (equation === null) return [...parts, create("p", {}, texts.given)];
  parts.push(...equationLines(network, selected, equation, texts));
  const line = codeLine(network.cell, selected.name);
  if (line) {
    const place = fill(texts.code, { file: line.file, line: `${line.line}` });
    parts.push(create("p", { class: "code" }, create("code", {}, line.text), create("small", {}, place)));
  }
  if (isDerivative(selected)) parts.push(finiteDifference(network, selected, texts));
  return parts;
}

function equationLines(
  network: NetworkNumbers,
  selected: NetworkNumber,
  equation: Expression,
  texts: PanelTexts,
): HTMLElement[] {
  const symbolic = create(
    "p",
    { class: "equation" },
    ...mathLine([mathSymbol(network, selected), mathOperator("="), ...write(equation, symbolNotation(network))]),
  );
  const numeric = create("p", { class: "equation numeric" }, "= ", ...write(equation, numberNotation(network, texts)));
  const values = (number: NetworkNumber): number => network.value(number);
  if (equation.kind === "function" && equation.argument.kind !== "number") {
    const argument = shortNumber(evaluate(equation.argument, values));
    numeric.append(create("br", {}), `= ${FUNCTION_NAMES[equation.name]}(${argument})`);
  }
  numeric.append(create("br", {}), `= ${shortNumber(network.value(selected))}`);
  return [symbolic, numeric];
}

function symbolNotation(network: NetworkNumbers): Notation<Element> {
  return {
    number: (number) => mathSymbol(network, number),
    constant: (value) => mathNumber(shortNumber(value)),
    operator: mathOperator,
    power: (base) => [mathPower(base)],
    functionName: (name) => mathName(FUNCTION_NAMES[name]),
  };
}

/** The numbers as buttons, which select them. */
function numberNotation(network: NetworkNumbers, texts: PanelTexts): Notation<Node | string> {
  return {
    number: (number) =>
      create(
        "button",
        {
          type: "button",
          "data-key": key(number),
          title: plainSymbol(network, number),
          "aria-label": `${describe(network, number, texts)}: ${shortNumber(network.value(number))}`,
        },
        bracketed(network.value(number)),
      ),
    constant: shortNumber,
    operator: (text) => (text === "(" || text === ")" ? text : ` ${text} `),
    power: (base) => [...base, create("sup", {}, "2")],
    functionName: (name) => FUNCTION_NAMES[name],
  };
}

/** A negative number in brackets, as it is written after an operator. */
function bracketed(value: number): string {
  return value < 0 ? `(${shortNumber(value)})` : shortNumber(value);
}

/** Whether a derivative and its finite difference are equal, up to the rounding of the loss that they differ by. */
export function agrees(network: NetworkNumbers, derivative: NetworkNumber): boolean {
  const [value, finite] = [network.value(derivative), network.finiteDifference(derivative)];
  const rounding = ROUNDING * Math.abs(network.loss);
  return Math.abs(value - finite) <= TOLERANCE * Math.max(1, Math.abs(value)) + rounding;
}

function finiteDifference(network: NetworkNumbers, selected: NetworkNumber, texts: PanelTexts): HTMLElement {
  const [value, finite] = [network.value(selected), network.finiteDifference(selected)];
  const difference = Math.abs(value - finite);
  const verdict = !Number.isFinite(difference)
    ? texts.notFinite
    : fill(agrees(network, selected) ? texts.agrees : texts.differs, { difference: shortNumber(difference) });
  return create(
    "p",
    { class: "finite" },
    fill(texts.finiteDifference, { value: fullNumber(finite) }),
    create("br", {}),
    verdict,
    create("br", {}),
    create("small", {}, texts.finiteDifferenceSays),
  );
}
