"use strict";
// All tracks play in sync: every buffer is cut to the loop and starts at the same time. Gains select the track that is
// heard, so that switching never changes the position. The loop fades at its ends and pauses before it repeats: a click
// there could be mistaken for a bad transition.
class LoopPlayer {
  static AHEAD_S = 0.06;
  static SWITCH_S = 0.005;
  static EDGE_S = 0.02;
  static REST_S = 0.4;

  #context = null;
  #whole = new Map();
  #cut = new Map();
  #voices = new Map();
  #began = 0;
  #rest = 0; // position while nothing plays, in seconds of the music
  #loop = [0, 1];
  #asked = 0;
  chosen = "";

  get isPlaying() {
    return this.#voices.size > 0;
  }

  get isLoaded() {
    return this.#whole.size > 0;
  }

  // Phones allow sound to start only while they handle a touch, so this runs before any decoding.
  wake() {
    this.#context ??= new AudioContext();
    this.#context.resume();
  }

  // Decodes tracks of equal length in place of the earlier ones; false if other tracks were requested in the meantime.
  async load(tracks) {
    this.stop();
    this.#whole.clear();
    this.#cut.clear();
    const mine = (this.#asked += 1);
    const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
    const decoded = await Promise.all(
      [...tracks].map(async ([name, sound]) => [name, await this.#context.decodeAudioData(bytes(sound))]),
    );
    if (mine !== this.#asked) return false;
    this.#whole = new Map(decoded);
    return true;
  }

  setLoop(start, end) {
    const wasPlaying = this.isPlaying;
    const at = this.position;
    this.stop();
    this.#loop = [start, end];
    this.#cut = new Map([...this.#whole].map(([name, buffer]) => [name, this.#cutOf(buffer)]));
    this.#rest = at >= start && at < end ? at : start;
    if (wasPlaying) this.start();
  }

  get position() {
    if (!this.isPlaying) return this.#rest;
    const [start, end] = this.#loop;
    const round = end - start + LoopPlayer.REST_S;
    const gone = Math.max(0, this.#context.currentTime - this.#began) % round;
    return Math.min(end, start + gone);
  }

  get now() {
    return this.#context?.currentTime ?? 0;
  }

  start() {
    const when = this.#context.currentTime + LoopPlayer.AHEAD_S;
    const offset = this.#rest - this.#loop[0];
    this.#began = when - offset;
    for (const [name, buffer] of this.#cut) {
      const source = new AudioBufferSourceNode(this.#context, { buffer, loop: true });
      const gain = new GainNode(this.#context, { gain: name === this.chosen ? 1 : 0 });
      source.connect(gain).connect(this.#context.destination);
      source.start(when, offset);
      this.#voices.set(name, { source, gain: gain.gain });
    }
  }

  stop() {
    this.#rest = this.position;
    for (const { source } of this.#voices.values()) {
      source.stop();
      source.disconnect();
    }
    this.#voices.clear();
  }

  seek(seconds) {
    const wasPlaying = this.isPlaying;
    this.stop();
    const [start, end] = this.#loop;
    this.#rest = Math.max(start, Math.min(end - 0.05, seconds));
    if (wasPlaying) this.start();
  }

  choose(name) {
    this.chosen = name;
    for (const [other, { gain }] of this.#voices) {
      const now = this.#context.currentTime;
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(gain.value, now);
      gain.linearRampToValueAtTime(other === name ? 1 : 0, now + LoopPlayer.SWITCH_S);
    }
  }

  #cutOf(buffer) {
    const rate = buffer.sampleRate;
    const [from, to] = this.#loop.map((seconds) => Math.round(seconds * rate));
    const sound = buffer.getChannelData(0).slice(from, to);
    const edge = Math.round(LoopPlayer.EDGE_S * rate);
    for (let k = 0; k < Math.min(edge, sound.length); k += 1) {
      sound[k] *= k / edge;
      sound[sound.length - 1 - k] *= k / edge;
    }
    const length = sound.length + Math.round(LoopPlayer.REST_S * rate);
    const cut = new AudioBuffer({ length, sampleRate: rate });
    cut.copyToChannel(sound, 0);
    return cut;
  }
}
