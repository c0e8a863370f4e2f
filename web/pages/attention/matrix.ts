// The attention matrix as a picture, and as a table of its numbers.

import type { Reversal } from "../../model/reversal.ts";
import type { Vocabulary } from "../../model/vocabulary.ts";
import { END } from "../../model/vocabulary.ts";
import type { Picture } from "../../panels/figure.ts";
import { drawHeatMap } from "../../panels/heat_map.ts";
import { create } from "../shared/elements.ts";
import { antiDiagonal } from "./diagonal.ts";
import type { Texts } from "./texts.ts";

const LABEL_WIDTH = 36; // pixels
const DIGITS = 3;

/** One sequence at one moment. */
export interface View {
  source: readonly number[];
  reversal: Reversal;
}

/** The tokens of the columns and of the rows. */
function labels({ source }: View, { tokens }: Vocabulary): { columns: string[]; rows: string[] } {
  const symbols = source.map((id) => tokens[id]!);
  return { columns: [...symbols, END], rows: [...symbols.toReversed(), END] };
}

/** A row for each token that is written, a column for each token of the source; the anti-diagonal is framed. */
export function drawAttention(view: View, vocabulary: Vocabulary): Picture {
  const { columns, rows } = labels(view, vocabulary);
  return drawHeatMap({
    ...{ values: view.reversal.weights, rows: rows.length, columns: columns.length },
    ...{ rowLabels: rows, columnLabels: columns, labelWidth: LABEL_WIDTH, isShare: true },
    framed: antiDiagonal(view.source.length),
  });
}

export function attentionTable(view: View, vocabulary: Vocabulary, texts: Texts): HTMLElement {
  const { columns, rows } = labels(view, vocabulary);
  const head = columns.map((token) => create("th", { scope: "col" }, token));
  const body = rows.map((token, t) => {
    const cells = columns.map((_, s) => {
      return create("td", {}, view.reversal.weights[t * columns.length + s]!.toFixed(DIGITS));
    });
    return create("tr", {}, create("th", { scope: "row" }, token), ...cells);
  });
  const caption = create("caption", {}, texts.tableCaption);
  return create("table", {}, caption, create("tr", {}, create("td", {}), ...head), ...body);
}
