// One file on its way in parts: where the server says, again and again until it is there. Knows nothing of the page.
import { Sha256, sha256 } from "./sha256.js";

const PIECE = 1 << 20; // hashed at once, so that the page stays alive
const LONGEST_PAUSE = 15;

// An answer of the server that trying again would not change.
export class Refused extends Error {
  constructor(answer) {
    super([answer.message, answer.hint].filter(Boolean).join(" "));
    this.code = answer.code;
  }
}

// The line broke, or the server is away: nothing is lost, try again.
class Away extends Error {}

export class Sending {
  // tell(state, {done, total, seconds, message}): checking, sending, waiting, paused, finishing.
  constructor(file, { api, token, dataset, tell }) {
    Object.assign(this, { file, api, token, dataset, tell, stopped: false, held: null, id: null });
  }

  pause() { this.held ??= new Promise((go) => { this.release = go; }); }
  go() { this.release?.(); this.held = null; }
  async stop() {
    this.stopped = true;
    this.go();
    this.request?.abort();
    if (this.id) await this.ask("DELETE", `/${this.id}`).catch(() => {});
  }

  // The upload's id. Throws Refused.
  async run() {
    for (let pause = 1; ; ) {
      try {
        return await this.once(() => { pause = 1; });
      } catch (error) {
        if (!(error instanceof Away) || this.stopped) throw error;
        for (let left = pause; left > 0 && !this.stopped; left--) {
          this.tell("waiting", { done: this.done ?? 0, total: this.file.size, message: `The connection is lost. Trying again in ${left} s; nothing that was sent is lost.` });
          await new Promise((go) => setTimeout(go, 1000));
        }
        pause = Math.min(LONGEST_PAUSE, pause * 2);
      }
    }
  }

  async once(alive) {
    const { file } = this;
    const head = await sha256(new Uint8Array(await file.slice(0, PIECE).arrayBuffer()));
    const begun = await this.ask("POST", "", { filename: file.name, size: file.size, head_sha256: head, ...(this.dataset ? { dataset: this.dataset } : {}) });
    this.id = begun.id;
    this.done = begun.received;
    const hash = { sum: new Sha256(), at: 0 };
    const rate = { since: performance.now(), from: this.done };
    while (this.done < file.size) {
      await this.hashTo(hash, this.done);
      if (this.held) { this.tell("paused", { done: this.done, total: file.size }); await this.held; Object.assign(rate, { since: performance.now(), from: this.done }); }
      if (this.stopped) throw new Error("stopped");
      const bytes = new Uint8Array(await file.slice(this.done, this.done + begun.part_bytes).arrayBuffer());
      this.done = await this.send(bytes, rate);
      alive();
    }
    this.tell("finishing", { done: file.size, total: file.size });
    await this.hashTo(hash, file.size);
    return (await this.ask("POST", `/${this.id}/finish`, { sha256: hash.sum.hex() })).id;
  }

  // The sum of the file's first `end` bytes. Bytes that are there already are read again: is it still the same file?
  async hashTo(hash, end) {
    if (hash.at > end) Object.assign(hash, { sum: new Sha256(), at: 0 });
    const far = end - hash.at > 8 * PIECE;
    while (hash.at < end) {
      if (this.stopped) throw new Error("stopped");
      const piece = new Uint8Array(await this.file.slice(hash.at, Math.min(end, hash.at + PIECE)).arrayBuffer());
      hash.sum.update(piece);
      hash.at += piece.length;
      if (far) this.tell("checking", { done: hash.at, total: end });
    }
  }

  // Where the next part begins.
  async send(bytes, rate) {
    const from = this.done;
    const progress = (loaded) => {
      const seconds = (performance.now() - rate.since) / 1000;
      const speed = seconds > 0.5 ? (from + loaded - rate.from) / seconds : 0;
      this.tell("sending", { done: from + loaded, total: this.file.size, rate: speed, seconds: speed ? (this.file.size - from - loaded) / speed : null });
    };
    const { status, answer } = await this.put(`/${this.id}?offset=${from}&sha256=${await sha256(bytes)}`, bytes, progress);
    if (status === 200) return answer.received;
    if (status === 409 && Number.isInteger(answer.wanted)) return answer.wanted; // another tab was faster, or an answer was lost
    if (status === 404 || answer.retry || status >= 500) throw new Away(); // forgotten meanwhile: begin again
    throw new Refused(answer);
  }

  // fetch cannot tell how much of a body has left.
  put(path, bytes, progress) {
    return new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest());
      request.open("PUT", this.api + path);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("X-CSRFToken", this.token);
      request.timeout = 300000;
      request.upload.addEventListener("progress", (e) => progress(e.loaded));
      request.addEventListener("load", () => resolve({ status: request.status, answer: parsed(request.responseText) }));
      for (const name of ["error", "timeout", "abort"]) request.addEventListener(name, () => reject(new Away()));
      request.send(bytes);
    });
  }

  async ask(method, path, body) {
    let response;
    try {
      response = await fetch(this.api + path, { method, headers: { "X-CSRFToken": this.token, ...(body ? { "Content-Type": "application/json" } : {}) }, body: body && JSON.stringify(body) });
    } catch { throw new Away(); }
    const answer = parsed(await response.text());
    if (response.ok) return answer;
    if (response.status === 409 || response.status === 404 || (response.status >= 500 && response.status !== 507)) throw new Away();
    throw new Refused(answer.message ? answer : { message: `The server answered ${response.status}.`, hint: "Reload the page and choose the file again: it goes on where it stopped." });
  }
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return {}; }
}
