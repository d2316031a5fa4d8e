/**
 * Keeps something running while anybody is interested and a moment longer, so that whoever lets go and takes
 * hold again (React in strict mode, a change of page) finds it still running.
 */
export class Interest {
  readonly #start: () => () => void;
  readonly #afterGrace: (fn: () => void) => () => void;
  #holders = 0;
  #stop: (() => void) | undefined;
  #cancelGrace: (() => void) | undefined;

  /** `start` sets it going and returns what stops it; `afterGrace` calls back when the moment is over. */
  constructor(start: () => () => void, afterGrace: (fn: () => void) => () => void) {
    this.#start = start;
    this.#afterGrace = afterGrace;
  }

  /** Takes hold until the returned function is called. */
  hold(): () => void {
    this.#holders += 1;
    this.#cancelGrace?.();
    this.#cancelGrace = undefined;
    this.#stop ??= this.#start();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders === 0) this.#cancelGrace = this.#afterGrace(() => this.#end());
    };
  }

  #end(): void {
    this.#cancelGrace = undefined;
    this.#stop?.();
    this.#stop = undefined;
  }
}
