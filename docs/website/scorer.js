// How results of a search are ordered: Sphinx's scores, and first the pages whose own title has the whole query.
var Scorer = {
  score: (result) => {
    const [, title, anchor, , score] = result;
    const query = (new URLSearchParams(window.location.search).get("q") || "").toLowerCase().trim();
    const place = query ? title.toLowerCase().indexOf(query) : -1;
    if (place < 0) return score;
    return score + (anchor ? 20 : place ? 60 : 90);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
