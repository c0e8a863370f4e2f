// The parameters of a network, which are one array, and so are their gradients: an optimizer sees one array.

import { count, type Kernels, type Numbers } from "../kernels/module.ts";
import { parameterShapes, type StackShape } from "../kernels/stack.ts";

/** A name as in a model folder, and a shape. */
export interface NamedShape {
  name: string;
  shape: number[];
}

export interface Parameter extends NamedShape {
  values: Numbers;
  gradient: Numbers;
}

/** Values or gradients. */
export type Kind = "values" | "gradient";

const SUFFIXES = { W: "weight_ih_l0", U: "weight_hh_l0", b_ih: "bias_ih_l0", b_hh: "bias_hh_l0" };

/** The names and shapes of the parameters of recurrent layers, in the order in which Stack takes them. */
export function layerParameters(prefix: string, shape: StackShape): NamedShape[] {
  return parameterShapes(shape).map(({ name, layer, direction, shape: size }) => ({
    name: `${prefix}layers.${layer}.${SUFFIXES[name]}${direction ? "_reverse" : ""}`,
    shape: size,
  }));
}

export class ParameterList {
  /** All parameters, and the gradients of all. */
  readonly values: Numbers;
  readonly gradient: Numbers;
  readonly parameters: readonly Parameter[];

  constructor(kernels: Kernels, shapes: readonly NamedShape[]) {
    const total = shapes.reduce((sum, { shape }) => sum + count(shape), 0);
    this.values = kernels.floats(total);
    this.gradient = kernels.floats(total);
    let end = 0;
    this.parameters = shapes.map(({ name, shape }) => {
      const length = count(shape);
      const start = (end += length) - length;
      return { name, shape, values: this.values.slice(start, length), gradient: this.gradient.slice(start, length) };
    });
  }

  /** The parameter of a name, which must exist. */
  get(name: string): Parameter {
    return this.parameters.find((parameter) => parameter.name === name)!;
  }

  /** The parameters whose names begin with a prefix, in their order. */
  startingWith(prefix: string): Parameter[] {
    return this.parameters.filter(({ name }) => name.startsWith(prefix));
  }

  release(): void {
    this.values.release();
    this.gradient.release();
  }
}
