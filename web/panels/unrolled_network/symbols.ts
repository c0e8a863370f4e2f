// The names of numbers: as MathML and as plain text.

import { isDerivative, type NetworkNumber, type NetworkNumbers, withoutDerivative } from "./numbers.ts";

/** The prefix of a gate before its activation, which has a symbol, s with the name of the gate, but no place. */
const GATE_SUM = "sum.";

/** A letter, what is written above it, and what below. Indices count from 1. */
interface Symbol {
  letter: string;
  above: string;
  below: readonly (string | number)[];
}

const LETTERS: Record<string, string> = {
  sum: "s",
  loss: "ℓ",
  targets: "y",
  h_initial: "h",
  c_initial: "c",
  b_ih: "b",
  b_hh: "b",
  b_y: "b",
};

function symbol(network: NetworkNumbers, { name, index }: NetworkNumber): Symbol {
  const letter = LETTERS[name] ?? name.replace("gate.", "");
  const below = index.map((i) => i + 1);
  if (name.startsWith(GATE_SUM)) return { letter: "s", above: name.slice(GATE_SUM.length), below };
  switch (name) {
    case "W":
    case "U":
    case "b_ih":
    case "b_hh": {
      const { H, gates, cell } = network;
      const gate = cell === "elman" ? "" : gates[Math.floor(index[0]! / H)]!;
      const above = gate + (name === "b_hh" ? "′" : "");
      return { letter, above, below: [(index[0]! % H) + 1, ...below.slice(1)] };
    }
    case "b_y":
      return { letter, above: "y", below };
    case "targets":
      return { letter, above: "*", below };
    case "h_initial":
    case "c_initial":
      return { letter, above: "", below: [0, ...below] };
    default:
      return { letter, above: "", below };
  }
}

function mathElement(tag: string, ...children: (Node | string)[]): Element {
  const element = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  element.append(...children);
  return element;
}

/** <math> with some parts. */
export function math(...parts: Element[]): Element {
  return mathElement("math", mathElement("mrow", ...parts));
}

/** Returns one <math> for each term of a sum, because browsers do not break lines inside of a <math> element. */
export function mathLine(parts: readonly Element[]): Element[] {
  const terms: Element[][] = [[]];
  for (const part of parts) {
    if (part.localName === "mo" && part.textContent === "+") terms.push([]);
    terms.at(-1)!.push(part);
  }
  return terms.map((term) => math(...term));
}

export function mathOperator(text: string): Element {
  return mathElement("mo", text === "·" ? "⋅" : text); // the second dot is an operator, and has less space around it
}

export function mathNumber(text: string): Element {
  return mathElement("mn", text);
}

export function mathName(text: string): Element {
  return mathElement("mi", text);
}

export function mathPower(base: Element[]): Element {
  return mathElement("msup", mathElement("mrow", ...base), mathNumber("2"));
}

export function mathSymbol(network: NetworkNumbers, number: NetworkNumber): Element {
  if (isDerivative(number)) {
    const below = mathSymbol(network, differentiated(number));
    return mathElement(
      "mfrac",
      mathElement("mrow", mathOperator("∂"), mathName("L")),
      mathElement("mrow", mathOperator("∂"), below),
    );
  }
  const { letter, above, below } = symbol(network, number);
  const subscript = mathElement(
    "mrow",
    ...below.flatMap((part, i) => [...(i ? [mathOperator(",")] : []), mathNumber(`${part}`)]),
  );
  if (above) return mathElement("msubsup", mathName(letter), subscript, mathName(above));
  return mathElement("msub", mathName(letter), subscript);
}

/** Returns the number with respect to which a derivative is taken. For a gate, it is the sum before the activation. */
function differentiated(number: NetworkNumber): NetworkNumber {
  const { name, index } = withoutDerivative(number);
  return { name: name.replace("gate.", GATE_SUM), index };
}

/** As text: h[2,1], ∂L/∂h[2,1]. */
export function plainSymbol(network: NetworkNumbers, number: NetworkNumber): string {
  if (isDerivative(number)) return `∂L/∂${plainSymbol(network, differentiated(number))}`;
  const { letter, above, below } = symbol(network, number);
  return `${letter}${above && `^${above}`}[${below.join(",")}]`;
}
