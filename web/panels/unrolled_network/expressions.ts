// Expressions of numbers: the sum that made a number, to be evaluated and to be written down.

import type { NetworkNumber } from "./numbers.ts";

export type FunctionName = "tanh" | "sigmoid" | "relu" | "step";

export type Expression =
  | { kind: "number"; number: NetworkNumber }
  | { kind: "constant"; value: number }
  | { kind: "sum"; terms: readonly Expression[] }
  | { kind: "difference"; left: Expression; right: Expression }
  | { kind: "product"; factors: readonly Expression[] }
  | { kind: "square"; base: Expression }
  | { kind: "function"; name: FunctionName; argument: Expression };

export function number(name: string, ...index: number[]): Expression {
  return { kind: "number", number: { name, index } };
}

export function constant(value: number): Expression {
  return { kind: "constant", value };
}

/** The sum of some terms; a single one is itself. */
export function sum(...terms: Expression[]): Expression {
  return terms.length === 1 ? terms[0]! : { kind: "sum", terms };
}

export function product(...factors: Expression[]): Expression {
  return factors.length === 1 ? factors[0]! : { kind: "product", factors };
}

export function difference(left: Expression, right: Expression): Expression {
  return { kind: "difference", left, right };
}

export function square(base: Expression): Expression {
  return { kind: "square", base };
}

export function apply(name: FunctionName, argument: Expression): Expression {
  return { kind: "function", name, argument };
}

const FUNCTIONS: Record<FunctionName, (x: number) => number> = {
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => Math.max(0, x),
  step: (x) => (x > 0 ? 1 : 0),
};

export function evaluate(expression: Expression, value: (number: NetworkNumber) => number): number {
  const of = (part: Expression) => evaluate(part, value);
  switch (expression.kind) {
    case "number":
      return value(expression.number);
    case "constant":
      return expression.value;
    case "sum":
      return expression.terms.reduce((total, term) => total + of(term), 0);
    case "difference":
      return of(expression.left) - of(expression.right);
    case "product":
      return expression.factors.reduce((total, factor) => total * of(factor), 1);
    case "square":
      return of(expression.base) ** 2;
    case "function":
      return FUNCTIONS[expression.name](of(expression.argument));
  }
}

/** The numbers in an expression, each once. */
export function operands(expression: Expression): NetworkNumber[] {
  const numbers = new Map<string, NetworkNumber>();
  const visit = (part: Expression): void => {
    switch (part.kind) {
      case "number":
        numbers.set([part.number.name, ...part.number.index].join(":"), part.number);
        break;
      case "sum":
        part.terms.forEach(visit);
        break;
      case "difference":
        visit(part.left);
        visit(part.right);
        break;
      case "product":
        part.factors.forEach(visit);
        break;
      case "square":
        visit(part.base);
        break;
      case "function":
        visit(part.argument);
        break;
      case "constant":
        break;
    }
  };
  visit(expression);
  return [...numbers.values()];
}

/** What an expression is written with: `Written` is a list of pieces, text or nodes. */
export interface Notation<Written> {
  number(number: NetworkNumber): Written;
  constant(value: number): Written;
  operator(text: string): Written;
  power(base: Written[]): Written[];
  functionName(name: FunctionName): Written;
}

const BINDING = { sum: 1, difference: 1, product: 2, square: 3, number: 4, constant: 4, function: 4 } as const;

/** Writes an expression in a notation, with the brackets that it needs. */
export function write<Written>(expression: Expression, notation: Notation<Written>): Written[] {
  const bracket = (part: Expression, binding: number): Written[] => {
    const written = write(part, notation);
    const needed = BINDING[part.kind] < binding;
    return needed ? [notation.operator("("), ...written, notation.operator(")")] : written;
  };
  const joined = (parts: readonly Expression[], operator: string, binding: number): Written[] =>
    parts.flatMap((part, i) => [...(i ? [notation.operator(operator)] : []), ...bracket(part, binding)]);
  switch (expression.kind) {
    case "number":
      return [notation.number(expression.number)];
    case "constant":
      return [notation.constant(expression.value)];
    case "sum":
      return joined(expression.terms, "+", 1);
    case "difference":
      return [...bracket(expression.left, 1), notation.operator("−"), ...bracket(expression.right, 2)];
    case "product":
      return joined(expression.factors, "·", 2);
    case "square":
      return notation.power(bracket(expression.base, 4));
    case "function":
      return [
        notation.functionName(expression.name),
        notation.operator("("),
        ...write(expression.argument, notation),
        notation.operator(")"),
      ];
  }
}
