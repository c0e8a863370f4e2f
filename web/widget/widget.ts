// The notebook widget: a field for a text, and the page of the trace in a frame (elman/inspect/trace_widget.py).
//
// Python has the state: `page`, which stays the same, `trace`, in its JSON form, and `problem`, a message. The browser sets
// `text`, and Python answers with another trace.

/** What anywidget gives: the state, as it is in Python. */
interface Model {
  get(name: string): unknown;
  set(name: string, value: string): void;
  save_changes(): void;
  on(event: string, action: () => void): void;
  off(event: string, action: () => void): void;
}

const LABELS = { en: { text: "Text", trace: "Look inside" }, zh: { text: "文本", trace: "看看网络内部" } };

type Language = keyof typeof LABELS;

/** Shows the widget in `el`. Returns a function that removes its listeners, which anywidget calls when the cell goes. */
function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const browser: Language = navigator.language.startsWith("zh") ? "zh" : "en";
  const language = ((model.get("language") as string) || browser) as Language;
  const frame = document.createElement("iframe");
  frame.title = LABELS[language].trace;
  frame.style.cssText = `width: 100%; height: ${model.get("height") as number}px; border: none`;
  // The page runs in an origin of its own, so that it can reach nothing of the notebook.
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  const send = (more: object) => {
    const trace = model.get("trace") as string;
    if (trace) frame.contentWindow?.postMessage({ trace, ...more }, "*");
  };
  frame.addEventListener("load", () => send({ language }));
  frame.srcdoc = model.get("page") as string;
  const sendTrace = () => send({});
  model.on("change:trace", sendTrace);
  const { form, showProblem } = textField(model, language);
  model.on("change:problem", showProblem);
  if (model.get("takes_text")) el.append(form);
  el.append(frame);
  return () => {
    model.off("change:trace", sendTrace);
    model.off("change:problem", showProblem);
  };
}

/** A form with the text and an error message, and the function that updates the message. */
function textField(model: Model, language: Language): { form: HTMLElement; showProblem: () => void } {
  const form = document.createElement("form");
  const field = document.createElement("input");
  const button = document.createElement("button");
  const problem = document.createElement("p");
  field.value = model.get("text") as string;
  field.setAttribute("aria-label", LABELS[language].text);
  field.style.cssText = "width: min(40rem, 70%)";
  button.textContent = LABELS[language].trace;
  problem.setAttribute("role", "alert");
  const showProblem = () => {
    problem.textContent = model.get("problem") as string;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    model.set("text", field.value);
    model.save_changes();
  });
  showProblem();
  form.append(field, " ", button, problem);
  return { form, showProblem };
}

export default { render };
