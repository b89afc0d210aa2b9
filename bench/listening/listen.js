"use strict";
{
  const LETTERS = ["A", "B"];
  const SVG = "http://www.w3.org/2000/svg";
  const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
  const $ = (id) => document.getElementById(id);
  const test = parsed("test");
  const isAb = test.form === "ab";
  const player = new LoopPlayer();

  let sitting = null;
  let example = null;
  let rows = new Map(); // by code: what stands on the screen for a version
  let openly = new Map();
  let loop = 0;
  let byKey = false;
  let lastTick = 0;

  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  };

  const labelOf = (code) => {
    const place = sitting.trial.stimuli.indexOf(code);
    return isAb ? LETTERS[place] : String(place + 1);
  };

  const only = (name) => {
    for (const section of ["intro", "trial", "end"]) $(section).hidden = section !== name;
    scrollTo(0, 0);
  };

  const choose = (name) => {
    player.choose(name);
    for (const [other, { button }] of [...rows, ...openly]) button.setAttribute("aria-pressed", String(other === name));
  };

  const toggle = () => {
    if (!player.isLoaded) return;
    player.wake();
    if (player.isPlaying) player.stop();
    else player.start();
    show();
  };

  const listenTo = (name, isKey = false) => {
    byKey = isKey;
    choose(name);
    if (player.isLoaded && !player.isPlaying) toggle();
    if (isKey && rows.has(name)) rows.get(name).focus();
  };

  const setLoop = (which) => {
    loop = which;
    const [start, end] = example.loops[loop];
    player.setLoop(start, end);
    [...$("loops").children].forEach((button, k) => button.setAttribute("aria-pressed", String(k === loop)));
    show();
  };

  const show = () => {
    const at = player.position;
    $("position").value = String(at);
    $("position").setAttribute("aria-valuetext", `${at.toFixed(1)} of ${example.duration.toFixed(1)} seconds`);
    $("clock").textContent = `${at.toFixed(1)} s`;
    $("play").textContent = player.isPlaying ? "Pause" : "Play";
  };

  const whatIsLeft = () => {
    const { stimuli } = sitting.trial;
    const list = (codes) => codes.map(labelOf).join(", ");
    const unheard = stimuli.filter((code) => !sitting.hasHeard(code));
    if (unheard.length) return `Still to be played: ${list(unheard)}.`;
    if (!sitting.isAnswered(sitting.trial)) {
      return isAb ? "Which one?" : `Still to be rated: ${list(stimuli.filter((code) => sitting.rating(code) === undefined))}.`;
    }
    return sitting.keeps ? "" : "This browser keeps nothing: finish without closing or reloading the page.";
  };

  const unlock = () => {
    for (const [code, { open }] of rows) open(sitting.hasHeard(code));
    $("next").setAttribute("aria-disabled", String(!sitting.isAnswered(sitting.trial)));
    $("status").textContent = whatIsLeft();
  };

  const tick = () => {
    const now = player.now;
    if (player.isPlaying) {
      const code = player.chosen;
      // A screen that was hidden for a while ticks late: only so much of it counts as heard.
      const gone = Math.min(0.25, Math.max(0, now - lastTick));
      if (rows.has(code) && sitting.hear(code, gone)) {
        unlock();
        if (byKey) rows.get(code).focus();
      }
      show();
    }
    lastTick = now;
    requestAnimationFrame(tick);
  };

  const pressable = (label, key, onClick) => {
    const shown = key ? [make("kbd", {}, key), ` ${label}`] : [label];
    const button = make("button", { type: "button", class: "choose", "aria-pressed": "false" }, ...shown);
    if (key) button.setAttribute("aria-keyshortcuts", key);
    button.addEventListener("click", onClick);
    return button;
  };

  const slider = (code, place) => {
    const button = pressable(String(place + 1), "", () => listenTo(code));
    button.setAttribute("aria-label", `Play version ${place + 1}`);
    if (place < 10) button.setAttribute("aria-keyshortcuts", String((place + 1) % 10));
    const input = make("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": `Rating of version ${place + 1}` });
    const value = make("output", { class: "value" });
    const line = make("li", { class: "stimulus" }, button, make("div", { class: "rating" }, input), value);
    const paint = () => {
      const given = sitting.rating(code);
      line.classList.toggle("unrated", given === undefined);
      input.value = String(given ?? 50);
      value.textContent = given === undefined ? "–" : String(given);
      input.setAttribute("aria-valuetext", given === undefined ? "not rated" : String(given));
    };
    const rate = () => {
      if (input.disabled) return;
      sitting.rate(code, Number(input.value));
      paint();
      unlock();
    };
    input.addEventListener("input", rate);
    input.addEventListener("click", rate);
    paint();
    const open = (isOpen) => (input.disabled = !isOpen);
    const focus = () => (input.disabled ? button : input).focus();
    return { button, line, open, focus };
  };

  const choices = (codes) => {
    const group = make("fieldset", { class: "choices" }, make("legend", { class: "unseen" }, "Your answer"));
    const answers = [[codes[0], "A is better"], [test.same, "No difference"], [codes[1], "B is better"]];
    for (const [answer, label] of answers) {
      const input = make("input", { type: "radio", name: "answer", value: answer });
      input.checked = sitting.preference === answer;
      input.addEventListener("change", () => {
        sitting.prefer(answer);
        unlock();
      });
      group.append(make("label", {}, input, make("span", {}, label)));
    }
    return group;
  };

  const fill = () => {
    const { stimuli } = sitting.trial;
    rows = new Map();
    $("stimuli").className = isAb ? "pair" : "";
    if (!isAb) {
      stimuli.forEach((code, place) => rows.set(code, slider(code, place)));
      $("stimuli").replaceChildren(...[...rows.values()].map(({ line }) => line));
      return;
    }
    const group = choices(stimuli);
    stimuli.forEach((code, place) => {
      const button = pressable(LETTERS[place], String(place + 1), () => listenTo(code));
      rows.set(code, {
        button,
        line: make("li", {}, button),
        open: () => (group.disabled = !stimuli.every((one) => sitting.hasHeard(one))),
        focus: () => button.focus(),
      });
    });
    $("stimuli").replaceChildren(...[...rows.values()].map(({ line }) => line), make("li", { class: "answer" }, group));
  };

  const draw = () => {
    const box = $("holes");
    box.replaceChildren();
    for (const [start, end] of example.holes) {
      const hole = document.createElementNS(SVG, "rect");
      const share = (seconds) => `${(100 * seconds) / example.duration}%`;
      for (const [name, value] of Object.entries({ x: share(start), width: share(end - start), height: "100%" })) {
        hole.setAttribute(name, value);
      }
      hole.setAttribute("class", "hole");
      box.append(hole);
    }
    $("position").max = String(example.duration);
    openly = new Map();
    example.open.forEach(([name], place) => {
      const label = place === 0 ? "Reference" : `Control: ${name}`;
      openly.set(`*${place}`, { button: pressable(label, place === 0 ? "r" : place === 1 ? "c" : "", () => listenTo(`*${place}`)) });
    });
    $("openly").replaceChildren(...[...openly.values()].map(({ button }) => button));
    const n = example.loops.length - 1;
    const label = (k) => (k === n ? "Everything" : n > 1 ? `Stretch ${k + 1}` : "Marked stretch");
    $("loops").hidden = n === 0;
    $("loops").replaceChildren(...example.loops.map((_, k) => pressable(label(k), "", () => setLoop(k))));
  };

  const open = async () => {
    only("trial");
    const now = sitting.trial;
    const axis = test.axes[now.axis];
    const axes = [...new Set(sitting.trials.map((one) => one.axis))];
    example = parsed(`example-${now.example}`);
    $("part").textContent = axes.length > 1 ? `Part ${axes.indexOf(now.axis) + 1} of ${axes.length}: ${axis.title}` : axis.title;
    $("count").textContent = `${sitting.at + 1} of ${sitting.trials.length}`;
    $("done").max = sitting.trials.length;
    $("done").value = sitting.answered;
    $("question").textContent = axis.question;
    $("question").focus({ preventScroll: true });
    $("back").hidden = sitting.at === 0;
    $("play").disabled = true;
    fill();
    draw();
    unlock();
    choose("*0");
    const tracks = new Map(example.open.map(([, sound], place) => [`*${place}`, sound]));
    for (const code of now.stimuli) tracks.set(code, example.sounds[code]);
    try {
      if (!(await player.load(tracks))) return;
    } catch {
      $("status").textContent = "This browser cannot decode Opus in Ogg; a newer one can.";
      return;
    }
    $("play").disabled = false;
    setLoop(0);
    player.seek(example.loops[0][0]);
    show();
  };

  const go = (at) => {
    player.stop();
    sitting.at = at;
    if (sitting.isOver) finish();
    else open();
  };

  const finish = () => {
    only("end");
    $("end-title").focus({ preventScroll: true });
    const isServed = location.protocol.startsWith("http");
    $("send").hidden = !isServed;
    $("download").className = isServed ? "" : "main";
    $("end-said").textContent = isServed
      ? "All screens are answered. Send your ratings; if that fails, download them and hand in the file."
      : "All screens are answered. Download your ratings and hand in the file.";
    URL.revokeObjectURL($("download").href);
    $("download").href = URL.createObjectURL(new Blob([sitting.file], { type: "application/json" }));
    $("download").download = sitting.fileName;
  };

  const send = async () => {
    $("send").disabled = true;
    try {
      const headers = { "Content-Type": "application/json" };
      const reply = await fetch("ratings", { method: "POST", headers, body: sitting.file });
      $("end-status").textContent = reply.ok ? "Your ratings have arrived. You can close this page." : await reply.text();
      $("send").disabled = reply.ok;
    } catch {
      $("end-status").textContent = "Nobody answered. Download your ratings and hand in the file.";
      $("send").disabled = false;
    }
  };

  const begin = (event) => {
    event.preventDefault();
    player.wake();
    sitting = new Sitting(test, Number($("participant").value));
    go(sitting.at);
  };

  const next = () => {
    if (sitting.isAnswered(sitting.trial)) go(sitting.at + 1);
    else unlock();
  };

  const actions = {
    " ": toggle,
    r: () => listenTo("*0", true),
    c: () => openly.has("*1") && listenTo("*1", true),
    l: () => player.isLoaded && setLoop((loop + 1) % example.loops.length),
  };
  for (let digit = 0; digit < 10; digit += 1) {
    actions[String(digit)] = () => {
      const code = sitting.trial.stimuli[(digit + 9) % 10];
      if (code) listenTo(code, true);
    };
  }
  const isOurs = (event) =>
    !$("trial").hidden &&
    Object.hasOwn(actions, event.key) &&
    !(event.ctrlKey || event.altKey || event.metaKey) &&
    !(event.key === " " && event.target.closest(".steps, a, [type=radio]"));
  document.addEventListener("keydown", (event) => {
    if (!$("trial").hidden && event.key === "Enter" && !event.target.closest("button, a")) next();
    if (!isOurs(event)) return;
    event.preventDefault();
    if (!event.repeat) actions[event.key]();
  });
  document.addEventListener("keyup", (event) => {
    // Some browsers click a focused button when the space bar comes up.
    if (event.key === " " && isOurs(event)) event.preventDefault();
  });

  $("begin").addEventListener("submit", begin);
  $("play").addEventListener("click", toggle);
  $("position").addEventListener("input", () => {
    player.seek(Number($("position").value));
    show();
  });
  $("next").addEventListener("click", next);
  $("back").addEventListener("click", () => go(sitting.at - 1));
  $("again").addEventListener("click", () => go(sitting.trials.length - 1));
  $("send").addEventListener("click", send);
  setInterval(() => {
    if (sitting && !document.hidden && !$("trial").hidden) sitting.spend(1);
  }, 1000);
  addEventListener("beforeunload", (event) => {
    if (sitting && !sitting.keeps) event.preventDefault();
  });

  const asked = /[?&#]p=(\d{1,6})(?:&|$)/.exec(location.search + location.hash)?.[1];
  const last = asked ?? Sitting.last(test);
  if (last !== null) $("participant").value = String(last);
  $("participant").readOnly = asked !== undefined;
  if (last !== null && Sitting.wasBegun(test, last)) {
    $("intro-status").textContent = "You began before: the test goes on where you stopped.";
  }
  requestAnimationFrame(tick);
}
