"use strict";
// One listener's session: the order of trials, listening times and answers, and their storage in this browser.
class Sitting {
  static HEARD_S = 1; // seconds that a version must have been played before it can be judged

  #test;
  #state;
  keeps = true;

  constructor(test, participant) {
    this.#test = test;
    this.participant = participant;
    this.trials = Sitting.#trialsOf(test, participant);
    this.#state = Sitting.#kept(`${Sitting.#place(test)}/${participant}`) ?? { at: 0, seconds: 0, heard: {}, ratings: {} };
    const undone = this.trials.findIndex((trial) => !this.isAnswered(trial));
    this.at = Math.min(this.#state.at, undone < 0 ? this.trials.length : undone);
  }

  // The last listener in this browser, and whether answers of that listener are stored.
  static last(test) {
    return Sitting.#kept(Sitting.#place(test));
  }

  static wasBegun(test, participant) {
    return Sitting.#kept(`${Sitting.#place(test)}/${participant}`) !== null;
  }

  static #place(test) {
    return `steerbench-listening/${test.test}`;
  }

  static #kept(place) {
    try {
      return JSON.parse(localStorage.getItem(place));
    } catch {
      return null;
    }
  }

  // Rows of Williams designs, chosen by the listener's number.
  static #trialsOf(test, participant) {
    const row = (design, number) => design[number % design.length];
    const axes = Object.keys(test.axes);
    return row(test.orders.axes, participant).flatMap((place) => {
      const own = test.trials.filter((trial) => trial.axis === axes[place]);
      return row(test.orders.trials[axes[place]], participant).map((which) => {
        const order = row(test.orders.stimuli[own[which].stimuli.length], participant + test.trials.indexOf(own[which]));
        return { ...own[which], stimuli: order.map((stimulus) => own[which].stimuli[stimulus]) };
      });
    });
  }

  get at() {
    return this.#state.at;
  }

  set at(place) {
    this.#state.at = place;
    this.#save();
  }

  get trial() {
    return this.trials[this.at];
  }

  get isOver() {
    return this.at >= this.trials.length;
  }

  get answered() {
    return this.trials.filter((trial) => this.isAnswered(trial)).length;
  }

  isAnswered({ code, stimuli }) {
    const given = this.#state.ratings[code];
    return this.#test.form === "ab" ? typeof given === "string" : stimuli.every((one) => given?.[one] !== undefined);
  }

  // Adds to the listening time of a version of this trial; true when it reaches the minimum.
  hear(stimulus, seconds) {
    const heard = (this.#state.heard[this.trial.code] ??= {});
    const was = this.hasHeard(stimulus);
    heard[stimulus] = (heard[stimulus] ?? 0) + seconds;
    const isNew = !was && this.hasHeard(stimulus);
    if (isNew) this.#save();
    return isNew;
  }

  hasHeard(stimulus) {
    return (this.#state.heard[this.trial.code]?.[stimulus] ?? 0) >= Sitting.HEARD_S;
  }

  rating(stimulus) {
    return this.#state.ratings[this.trial.code]?.[stimulus];
  }

  rate(stimulus, value) {
    (this.#state.ratings[this.trial.code] ??= {})[stimulus] = value;
    this.#save();
  }

  get preference() {
    return this.#state.ratings[this.trial.code];
  }

  prefer(answer) {
    this.#state.ratings[this.trial.code] = answer;
    this.#save();
  }

  spend(seconds) {
    this.#state.seconds += seconds;
    this.#save();
  }

  // The ratings to submit.
  get file() {
    const { format, test, form } = this.#test;
    const { seconds, ratings } = this.#state;
    return JSON.stringify({ format, test, form, participant: this.participant, seconds, ratings }, null, 1);
  }

  get fileName() {
    return `ratings-${this.#test.test}-${this.participant}.json`;
  }

  #save() {
    const place = Sitting.#place(this.#test);
    try {
      localStorage.setItem(`${place}/${this.participant}`, JSON.stringify(this.#state));
      localStorage.setItem(place, JSON.stringify(this.participant));
    } catch {
      this.keeps = false;
    }
  }
}
