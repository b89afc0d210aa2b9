"use strict";
// Screen elements of a version: a button to play it, and a control to judge it.
class Versions {
  static LETTERS = ["A", "B"];

  static make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    node.append(...children);
    return node;
  }

  static pressable(label, key, onClick) {
    const shown = key ? [Versions.make("kbd", {}, key), ` ${label}`] : [label];
    const button = Versions.make("button", { type: "button", class: "choose", "aria-pressed": "false" }, ...shown);
    if (key) button.setAttribute("aria-keyshortcuts", key);
    button.addEventListener("click", onClick);
    return button;
  }

  // A slider from 0 to 100, locked until the version was played; `given` is undefined if it was not rated yet.
  static slider(place, given, onPlay, onRate) {
    const { make } = Versions;
    const button = Versions.pressable(String(place + 1), "", onPlay);
    button.setAttribute("aria-label", `Play version ${place + 1}`);
    if (place < 10) button.setAttribute("aria-keyshortcuts", String((place + 1) % 10));
    const name = `Rating of version ${place + 1}`;
    const input = make("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": name });
    const value = make("output", { class: "value" });
    const line = make("li", { class: "stimulus" }, button, make("div", { class: "rating" }, input), value);
    const paint = (rating) => {
      line.classList.toggle("unrated", rating === undefined);
      input.value = String(rating ?? 50);
      value.textContent = rating === undefined ? "–" : String(rating);
      input.setAttribute("aria-valuetext", rating === undefined ? "not rated" : String(rating));
    };
    // A click on the slider's current position changes no value but counts as a rating.
    for (const event of ["input", "click"]) {
      input.addEventListener(event, () => {
        if (input.disabled) return;
        const rating = Number(input.value);
        paint(rating);
        onRate(rating);
      });
    }
    paint(given);
    const open = (isOpen) => (input.disabled = !isOpen);
    const focus = () => (input.disabled ? button : input).focus();
    return { button, line, open, focus };
  }

  // Three answers to a comparison; `given` is the chosen one.
  static choices(codes, same, given, onAnswer) {
    const { make } = Versions;
    const group = make("fieldset", { class: "choices" }, make("legend", { class: "unseen" }, "Your answer"));
    for (const [answer, label] of [[codes[0], "A is better"], [same, "No difference"], [codes[1], "B is better"]]) {
      const input = make("input", { type: "radio", name: "answer", value: answer });
      input.checked = given === answer;
      input.addEventListener("change", () => onAnswer(answer));
      group.append(make("label", {}, input, make("span", {}, label)));
    }
    return group;
  }
}
