// How every number of a small network follows from others: the equations of elman.cells, for one number.
//
// Indices are t for the step, j and k for hidden units, i for inputs and o for outputs, from 0.

import {
  apply,
  constant,
  difference,
  type Expression,
  type FunctionName,
  number,
  operands,
  product,
  square,
  sum,
} from "./expressions.ts";
import type { NetworkNumber, NetworkNumbers } from "./numbers.ts";

const ONE = constant(1);

/** Returns the equation of a number, or null for a leaf. */
export function derivation(network: NetworkNumbers, { name, index }: NetworkNumber): Expression | null {
  return new Equations(network).of(name, index);
}

/** Returns the operands of the equation of a number, without repetition; none for a leaf. */
export function operandsOf(network: NetworkNumbers, number: NetworkNumber): NetworkNumber[] {
  const equation = derivation(network, number);
  return equation === null ? [] : operands(equation);
}

class Equations {
  constructor(private readonly network: NetworkNumbers) {}

  of(name: string, index: readonly number[]): Expression | null {
    const [first = 0, second = 0] = index;
    if (name.startsWith("gate.")) return this.gate(name.slice("gate.".length), first, second);
    if (name.startsWith("d_gate.")) return this.gateDerivative(name.slice("d_gate.".length), first, second);
    switch (name) {
      case "sum":
        return this.weightedSum(0, first, second);
      case "c":
        return this.cellState(first, second);
      case "h":
        return this.hiddenState(first, second);
      case "y":
        return this.output(first, second);
      case "loss":
        return this.loss(first);
      case "d_y":
        return difference(number("y", first, second), number("targets", first, second));
      case "d_h":
        return this.hiddenDerivative(first, second);
      case "d_c":
        return this.cellStateDerivative(first, second);
      case "d_sum":
        return product(number("d_h", first, second), ...this.activationDerivative(first, second));
      case "d_x":
        return this.inputDerivative(first, second);
      case "d_h_initial":
        return sum(...this.fromNextStep(0, first));
      case "d_c_initial":
        return product(number("d_c", 0, first), number("gate.f", 0, first));
      default:
        return name.startsWith("d_") ? this.parameterDerivative(name.slice("d_".length), first, second) : null;
    }
  }

  private count(size: number, make: (i: number) => Expression): Expression[] {
    return Array.from({ length: size }, (_, i) => make(i));
  }

  private state(name: "h" | "c", t: number, j: number): Expression {
    return t < 0 ? number(`${name}_initial`, j) : number(name, t, j);
  }

  /** U h_(t-1) + b_hh of one row. */
  private recurrentTerms(row: number, t: number): Expression[] {
    const { H, hasBias } = this.network;
    const terms = this.count(H, (k) => product(number("U", row, k), this.state("h", t - 1, k)));
    return hasBias ? [...terms, number("b_hh", row)] : terms;
  }

  /** W x_t + b_ih of one row. */
  private inputTerms(row: number, t: number): Expression[] {
    const { I, hasBias } = this.network;
    const terms = this.count(I, (i) => product(number("W", row, i), number("x", t, i)));
    return hasBias ? [...terms, number("b_ih", row)] : terms;
  }

  private weightedSum(gate: number, t: number, j: number): Expression {
    const row = gate * this.network.H + j;
    return sum(...this.inputTerms(row, t), ...this.recurrentTerms(row, t));
  }

  private gate(gate: string, t: number, j: number): Expression {
    const { gates, H } = this.network;
    const place = gates.indexOf(gate);
    if (gate === "n") {
      const row = place * H + j;
      const past = product(number("gate.r", t, j), sum(...this.recurrentTerms(row, t)));
      return apply("tanh", sum(...this.inputTerms(row, t), past));
    }
    return apply(gate === "g" ? "tanh" : "sigmoid", this.weightedSum(place, t, j));
  }

  private cellState(t: number, j: number): Expression {
    const fromPreviousStep = product(number("gate.f", t, j), this.state("c", t - 1, j));
    return sum(fromPreviousStep, product(number("gate.i", t, j), number("gate.g", t, j)));
  }

  private tanhOfCellState(t: number, j: number): Expression {
    return apply("tanh", number("c", t, j));
  }

  private hiddenState(t: number, j: number): Expression {
    const { cell, activation } = this.network;
    switch (cell) {
      case "elman":
        return activation === "identity" ? number("sum", t, j) : apply(activation as FunctionName, number("sum", t, j));
      case "gru": {
        const z = number("gate.z", t, j);
        const candidate = product(difference(ONE, z), number("gate.n", t, j));
        return sum(candidate, product(z, this.state("h", t - 1, j)));
      }
      case "lstm":
        return product(number("gate.o", t, j), this.tanhOfCellState(t, j));
    }
  }

  private output(t: number, o: number): Expression {
    const { H, hasBias } = this.network;
    const terms = this.count(H, (j) => product(number("V", o, j), number("h", t, j)));
    return sum(...terms, ...(hasBias ? [number("b_y", o)] : []));
  }

  private loss(t: number): Expression {
    const squares = this.count(this.network.O, (o) => square(difference(number("y", t, o), number("targets", t, o))));
    return product(constant(0.5), sum(...squares));
  }

  /** The factors of f'(sum): none where it is 1. */
  private activationDerivative(t: number, j: number): Expression[] {
    const h = number("h", t, j);
    switch (this.network.activation) {
      case "tanh":
        return [difference(ONE, square(h))];
      case "sigmoid":
        return [h, difference(ONE, h)];
      case "relu":
        return [apply("step", number("sum", t, j))];
      case "identity":
        return [];
    }
  }

  /** The factors of d_u: the derivative with respect to a row of U h_(t-1) + b_hh. */
  private recurrentDerivative(row: number, t: number): Expression[] {
    const { cell, gates, H } = this.network;
    const j = row % H;
    if (cell === "elman") return [number("d_sum", t, j)];
    const gate = gates[Math.floor(row / H)]!;
    const d = number(`d_gate.${gate}`, t, j);
    return gate === "n" ? [d, number("gate.r", t, j)] : [d];
  }

  /** d_a: with respect to a row of W x_t + b_ih. */
  private productDerivative(row: number, t: number): Expression {
    return this.recurrentDerivative(row, t)[0]!;
  }

  /** The parts of the derivative of h before step t that come through step t. */
  private fromNextStep(t: number, j: number): Expression[] {
    const { cell, gates, H } = this.network;
    const direct = cell === "gru" ? [product(number("d_h", t, j), number("gate.z", t, j))] : [];
    const rows = this.count(gates.length * H, (row) =>
      product(number("U", row, j), ...this.recurrentDerivative(row, t)),
    );
    return [...direct, ...rows];
  }

  private hiddenDerivative(t: number, j: number): Expression {
    const { O, T } = this.network;
    const fromOutputs = this.count(O, (o) => product(number("V", o, j), number("d_y", t, o)));
    return sum(...fromOutputs, ...(t + 1 < T ? this.fromNextStep(t + 1, j) : []));
  }

  private cellStateDerivative(t: number, j: number): Expression {
    const slope = difference(ONE, square(this.tanhOfCellState(t, j)));
    const throughH = product(number("d_h", t, j), number("gate.o", t, j), slope);
    if (t + 1 === this.network.T) return throughH;
    return sum(product(number("d_c", t + 1, j), number("gate.f", t + 1, j)), throughH);
  }

  private gateDerivative(gate: string, t: number, j: number): Expression {
    const value = number(`gate.${gate}`, t, j);
    const slope = ["g", "n"].includes(gate) ? [difference(ONE, square(value))] : [value, difference(ONE, value)];
    return product(...this.gateInfluence(gate, t, j), ...slope);
  }

  /** The factors of the derivative with respect to a gate after its activation. */
  private gateInfluence(gate: string, t: number, j: number): Expression[] {
    const { gates, H } = this.network;
    const [dH, dC] = [number("d_h", t, j), number("d_c", t, j)];
    switch (gate) {
      case "o":
        return [dH, this.tanhOfCellState(t, j)];
      case "f":
        return [dC, this.state("c", t - 1, j)];
      case "i":
        return [dC, number("gate.g", t, j)];
      case "g":
        return [dC, number("gate.i", t, j)];
      case "z":
        return [dH, difference(this.state("h", t - 1, j), number("gate.n", t, j))];
      case "n":
        return [dH, difference(ONE, number("gate.z", t, j))];
      default: // r
        return [number("d_gate.n", t, j), sum(...this.recurrentTerms(gates.indexOf("n") * H + j, t))];
    }
  }

  private inputDerivative(t: number, i: number): Expression {
    const { gates, H } = this.network;
    return sum(...this.count(gates.length * H, (row) => product(number("W", row, i), this.productDerivative(row, t))));
  }

  private parameterDerivative(name: string, row: number, column: number): Expression {
    const { T } = this.network;
    const term = (t: number): Expression => {
      switch (name) {
        case "W":
          return product(this.productDerivative(row, t), number("x", t, column));
        case "U":
          return product(...this.recurrentDerivative(row, t), this.state("h", t - 1, column));
        case "b_ih":
          return this.productDerivative(row, t);
        case "b_hh":
          return product(...this.recurrentDerivative(row, t));
        case "V":
          return product(number("d_y", t, row), number("h", t, column));
        default: // b_y
          return number("d_y", t, row);
      }
    };
    return sum(...this.count(T, term));
  }
}
