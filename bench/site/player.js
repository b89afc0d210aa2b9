"use strict";
// All tracks play in sync: every buffer starts at the same time of the AudioContext and runs to its end. Gains select
// the track that is heard, so that switching never changes the position.
{
  const AHEAD_S = 0.06;
  const FADE_S = 0.005;
  const STEP_S = 1;
  const LEAD_S = 1.5;
  const sounds = JSON.parse(document.getElementById("sounds").textContent);
  const buttons = [...document.querySelectorAll(".choose")];
  const pictures = [...document.querySelectorAll(".picture")];
  const [play, toHole, slider, clock, status] = ["play", "to-hole", "position", "clock", "status"].map((id) =>
    document.getElementById(id),
  );

  let context = null;
  let loading = null;
  let buffers = null;
  let playing = null; // { when, offset, voices }
  let chosen = 0;
  let rest = 0; // position of the needle while nothing plays

  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;

  const load = async () => {
    status.textContent = "Decoding …";
    buffers = await Promise.all(sounds.tracks.map((track) => context.decodeAudioData(bytes(track))));
    status.textContent = "";
  };

  const position = () => {
    if (!playing) return rest;
    return Math.min(sounds.duration, playing.offset + Math.max(0, context.currentTime - playing.when));
  };

  const stop = () => {
    rest = position();
    for (const { source } of playing?.voices ?? []) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    playing = null;
  };

  const voice = (buffer, track, when, offset) => {
    const source = new AudioBufferSourceNode(context, { buffer });
    const gain = new GainNode(context, { gain: track === chosen ? 1 : 0 });
    source.connect(gain).connect(context.destination);
    source.start(when, offset);
    return { source, gain: gain.gain };
  };

  const start = (offset) => {
    const when = context.currentTime + AHEAD_S;
    const voices = buffers.map((buffer, track) => voice(buffer, track, when, offset));
    playing = { when, offset, voices };
    voices[0].source.onended = () => {
      stop();
      rest = 0;
      show();
    };
  };

  const toggle = async () => {
    // Phones allow sound to start only while they handle a touch, so the context is made before decoding.
    context ??= new AudioContext();
    context.resume();
    if (playing) {
      stop();
      show();
      return;
    }
    if (!buffers) {
      if (loading) return;
      loading = load();
      try {
        await loading;
      } catch {
        status.textContent = "This browser cannot decode Opus in Ogg; a newer one can.";
        return;
      } finally {
        loading = null;
      }
    }
    start(rest >= sounds.duration - 0.01 ? 0 : rest);
    show();
  };

  const seek = (seconds) => {
    const target = Math.max(0, Math.min(sounds.duration, seconds));
    const wasPlaying = Boolean(playing);
    if (wasPlaying) stop();
    rest = target;
    if (wasPlaying) start(target);
    show();
  };

  const choose = (track) => {
    if (track < 0 || track >= buttons.length) return;
    chosen = track;
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === chosen)));
    if (!playing) return;
    const now = context.currentTime;
    playing.voices.forEach(({ gain }, k) => {
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(gain.value, now);
      gain.linearRampToValueAtTime(k === chosen ? 1 : 0, now + FADE_S);
    });
  };

  const nextHole = () => {
    const starts = sounds.holes.map(([start]) => Math.max(0, start - LEAD_S));
    seek(starts.find((start) => start > position() + 0.05) ?? starts[0] ?? 0);
  };

  const show = () => {
    const at = position();
    document.documentElement.style.setProperty("--at", String(at / sounds.duration));
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${sounds.duration.toFixed(1)} seconds`);
    clock.textContent = `${at.toFixed(1)} / ${sounds.duration.toFixed(1)} s`;
    play.textContent = playing ? "Pause" : "Play";
  };

  const frame = () => {
    if (playing) show();
    requestAnimationFrame(frame);
  };

  const keys = {
    " ": toggle,
    ArrowLeft: () => seek(position() - STEP_S),
    ArrowRight: () => seek(position() + STEP_S),
    Home: () => seek(0),
    h: nextHole,
  };
  for (let digit = 0; digit < 10; digit += 1) keys[String(digit)] = () => choose((digit + 9) % 10);

  const isOurs = (event) =>
    Object.hasOwn(keys, event.key) &&
    !(event.ctrlKey || event.altKey || event.metaKey) &&
    !(event.key === " " && event.target.closest("a, summary"));

  document.addEventListener("keydown", (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    if (!(event.repeat && event.key === " ")) keys[event.key]();
  });
  document.addEventListener("keyup", (event) => {
    // Some browsers click a focused button when the space bar is released.
    if (event.key === " " && isOurs(event)) event.preventDefault();
  });

  play.addEventListener("click", toggle);
  toHole.addEventListener("click", nextHole);
  slider.addEventListener("input", () => seek(Number(slider.value)));
  buttons.forEach((button, track) => button.addEventListener("click", () => choose(track)));
  pictures.forEach((picture, track) =>
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      choose(track);
      seek(((event.clientX - box.left) / box.width) * sounds.duration);
    }),
  );
  show();
  requestAnimationFrame(frame);
}
