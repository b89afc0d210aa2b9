"use strict";
{
  const SVG = "http://www.w3.org/2000/svg";
  const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
  const $ = (id) => document.getElementById(id);
  const test = parsed("test");
  const isAb = test.form === "ab";
  const player = new LoopPlayer();

  let sitting = null;
  let example = null;
  let rows = new Map(); // screen elements of each version, by code
  let openly = new Map();
  let loop = 0;
  let byKey = false;
  let lastTick = 0;

  const labelOf = (code) => {
    const place = sitting.trial.stimuli.indexOf(code);
    return isAb ? Versions.LETTERS[place] : String(place + 1);
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
      // Timers of a hidden screen fire late, so the time counted per tick is limited.
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

  const fill = () => {
    const { stimuli } = sitting.trial;
    $("stimuli").className = isAb ? "pair" : "";
    const lines = isAb ? compared(stimuli) : rated(stimuli);
    $("stimuli").replaceChildren(...lines);
  };

  const rated = (stimuli) => {
    const made = stimuli.map((code, place) => {
      const onRate = (value) => {
        sitting.rate(code, value);
        unlock();
      };
      return [code, Versions.slider(place, sitting.rating(code), () => listenTo(code), onRate)];
    });
    rows = new Map(made);
    return made.map(([, { line }]) => line);
  };

  const compared = (stimuli) => {
    const onAnswer = (answer) => {
      sitting.prefer(answer);
      unlock();
    };
    const group = Versions.choices(stimuli, test.same, sitting.preference, onAnswer);
    const isOpen = () => stimuli.every((code) => sitting.hasHeard(code));
    rows = new Map(
      stimuli.map((code, place) => {
        const button = Versions.pressable(Versions.LETTERS[place], String(place + 1), () => listenTo(code));
        return [code, { button, open: () => (group.disabled = !isOpen()), focus: () => button.focus() }];
      }),
    );
    const buttons = [...rows.values()].map(({ button }) => Versions.make("li", {}, button));
    return [...buttons, Versions.make("li", { class: "answer" }, group)];
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
      openly.set(`*${place}`, { button: Versions.pressable(label, place === 0 ? "r" : place === 1 ? "c" : "", () => listenTo(`*${place}`)) });
    });
    $("openly").replaceChildren(...[...openly.values()].map(({ button }) => button));
    const n = example.loops.length - 1;
    const label = (k) => (k === n ? "Everything" : n > 1 ? `Stretch ${k + 1}` : "Marked stretch");
    $("loops").hidden = n === 0;
    $("loops").replaceChildren(...example.loops.map((_, k) => Versions.pressable(label(k), "", () => setLoop(k))));
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
      $("status").textContent = "This browser cannot decode Opus in Ogg; please use a newer one.";
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
      $("end-status").textContent = "The server did not answer. Download your ratings and send the file.";
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
    // Some browsers click a focused button when the space bar is released.
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
    $("intro-status").textContent = "You started this test before; it continues where you stopped.";
  }
  requestAnimationFrame(tick);
}
