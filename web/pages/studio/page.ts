// The page of `elman studio`: runs and models, the curves of trainings, a look inside, a new training.
//
// The studio sends the list of runs and the records of those that are selected; everything else is asked for.

import { TrainingPanel, type TrainingRun } from "../../panels/training/panel.ts";
import type { MetricRecord } from "../../panels/training/records.ts";
import { TRAINING_TEXTS } from "../../panels/training/texts.ts";
import { storedInAddress, storeInAddress } from "../shared/address.ts";
import { element } from "../shared/elements.ts";
import { fill, type Language, languageOf, translatePage } from "../shared/language.ts";
import { ConfusionSection } from "./confusion.ts";
import { Connection, LostError, type NewRecords, type StudioList } from "./connection.ts";
import { LookInside } from "./look_inside.ts";
import { NewTraining } from "./new_training.ts";
import { RunList } from "./run_list.ts";
import { rowsOf } from "./run_rows.ts";
import { TEXTS, type Texts } from "./texts.ts";

interface WatchedRun {
  records: MetricRecord[];
  damaged: number[];
}

class Page {
  private language: Language;
  private list: StudioList | null = null;
  private watched = new Map<string, WatchedRun>();
  private problem: () => string = () => "";
  private isDrawing = false;
  private readonly connection = new Connection(() => this.language);
  private readonly panel: TrainingPanel;
  private readonly runList: RunList;
  private readonly lookInside: LookInside;
  private readonly confusion = new ConfusionSection(this.connection);
  private readonly newTraining = new NewTraining(this.connection);

  constructor() {
    const stored = storedInAddress();
    this.language = languageOf(stored);
    this.panel = new TrainingPanel("training", TRAINING_TEXTS[this.language]);
    this.panel.metric = stored.get("metric");
    this.panel.onChoice = () => this.storeState();
    element("panel").append(this.panel.element);
    this.runList = new RunList({
      onSelect: () => this.follow(),
      onStop: (run) => this.act("api/stop", { run }),
      onResume: (run, minutes) => this.act("api/resume", { run, minutes }),
      onLook: (model) => this.lookInside.choose(model),
      onConfusion: (run) => void this.confusion.evaluate(run),
      onProblem: (message) => this.showActionProblem(message),
    });
    this.runList.selected = stored.getAll("run");
    element("list").append(this.runList.element);
    this.lookInside = new LookInside(this.connection, stored, () => this.storeState());
    element("language").addEventListener("click", () => this.setLanguage(this.language === "en" ? "zh" : "en"));
    // A browser has few connections for one studio, so a page that is hidden closes its own.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.connection.pause() : this.follow()));
    this.setLanguage(this.language);
  }

  private get texts(): Texts {
    return TEXTS[this.language];
  }

  private setLanguage(language: Language): void {
    this.language = language;
    translatePage(language, this.texts);
    this.showActionProblem("");
    this.lookInside.setLanguage(language, this.texts);
    this.confusion.setLanguage(language, this.texts);
    void this.newTraining.setLanguage(this.texts);
    this.follow();
  }

  /** Follows the selected runs, whose records come from the beginning. */
  private follow(): void {
    this.watched = new Map(this.runList.selected.map((name) => [name, { records: [], damaged: [] }]));
    this.connection.follow(this.runList.selected, {
      onList: (list) => this.receiveList(list),
      onRecords: (records) => this.receiveRecords(records),
      onOpen: () => this.reopen(),
      onMissing: (runs) => this.receiveMissing(runs),
      onProblem: (problem) => this.receiveProblem(problem),
    });
    this.show();
  }

  private reopen(): void {
    for (const run of this.watched.values()) Object.assign(run, { records: [], damaged: [] });
    this.problem = () => "";
    this.show();
  }

  private receiveList(list: StudioList): void {
    this.list = list;
    this.lookInside.showList(list);
    this.newTraining.showList(list);
    this.show();
  }

  private receiveRecords({ run, records, damaged, is_restart }: NewRecords): void {
    const watched = this.watched.get(run);
    if (watched === undefined) return;
    if (is_restart) Object.assign(watched, { records: [], damaged: [] });
    watched.records.push(...records);
    watched.damaged.push(...damaged);
    this.show();
  }

  private receiveMissing(runs: string[]): void {
    this.problem = () => fill(this.texts.missing, { runs: runs.join(this.texts.separator) });
    this.runList.selected = this.runList.selected.filter((name) => !runs.includes(name));
    for (const name of runs) this.watched.delete(name);
    this.show();
  }

  private receiveProblem(problem: "lost" | "token"): void {
    this.problem = () => (problem === "lost" ? this.texts.lost : this.texts.wrongToken);
    this.show();
  }

  private async act(path: string, body: object): Promise<void> {
    this.showActionProblem("");
    try {
      await this.connection.post(path, body);
    } catch (error) {
      this.showActionProblem(error instanceof LostError ? this.texts.lost : (error as Error).message);
    }
  }

  private showActionProblem(message: string): void {
    element("action-problem").textContent = message;
  }

  /** Draws once for all events that arrive together. */
  private show(): void {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.draw();
    });
  }

  private draw(): void {
    const { list, texts } = this;
    element("problem").textContent = this.problem();
    const rows = list === null ? [] : rowsOf(list, texts);
    element("incomplete").hidden = list === null || list.is_complete;
    element("nothing").hidden = list === null || rows.length > 0;
    element("list").hidden = rows.length === 0;
    this.runList.show(rows, texts);
    element("training").hidden = this.watched.size === 0;
    const runs: TrainingRun[] = [...this.watched].map(([name, { records }]) => ({ name, records }));
    this.panel.show(runs, TRAINING_TEXTS[this.language]);
    const damaged = [...this.watched].filter(([, run]) => run.damaged.length > 0);
    element("damaged").textContent = damaged
      .map(([run, { damaged }]) => fill(texts.damaged, { run, lines: damaged.join(texts.separator) }))
      .join(" ");
    this.storeState();
  }

  private storeState(): void {
    const { metric } = this.panel;
    storeInAddress([
      ["lang", this.language],
      ...this.runList.selected.map((name): [string, string] => ["run", name]),
      ...(metric === null ? [] : [["metric", metric] as [string, string]]),
      ...Object.entries(this.lookInside.stored),
    ]);
  }
}

new Page();
