import { contend } from './contender.ts';
import { median } from './statistics.ts';

export interface StepRequest {
  /** workflows that count, after as many as may be in flight that do not */
  workflows: number;
  inFlight: number;
  /** of one workflow */
  steps: number;
  /** steps of the one long workflow that runs alone in the end */
  long: number;
}

/** Called by a workflow after each of its steps, where it is told to. */
export type Mark = () => void;

export interface StepEngine {
  settings: string;
  /** Runs one workflow of so many steps to its end; resolves when that is recorded. */
  run(steps: number, mark?: Mark): Promise<unknown>;
  /** Fails where not every workflow has all its steps recorded. */
  check(workflows: number, steps: number): Promise<void>;
  close(): Promise<unknown>;
}

/** A contender's process: many workflows of some steps for the speed, then a long one for what its late steps cost. */
export function contendWithSteps<Request extends StepRequest>(
  open: (request: Request, onClose: (close: () => unknown) => void) => Promise<StepEngine>,
): Promise<void> {
  return contend<Request>(async (request, onClose) => {
    const { workflows, inFlight, steps, long } = request;
    const engine = await open(request, onClose);
    onClose(() => engine.close());
    const pass = async (count: number) => {
      let left = count;
      const follow = async () => {
        while (left-- > 0) await engine.run(steps);
      };
      await Promise.all(Array.from({ length: inFlight }, follow));
    };
    await pass(inFlight);
    const began = performance.now();
    await pass(workflows);
    const rate = (workflows * steps * 1_000) / (performance.now() - began);
    const marks: number[] = [];
    await engine.run(long, () => marks.push(performance.now()));
    const costs = marks.slice(1).map((at, index) => at - (marks[index] as number));
    const total = inFlight + workflows;
    await engine.check(total + 1, total * steps + long);
    return {
      settings: engine.settings,
      // The first cost is the second step's.
      figures: { rate, completed: total + 1, early: median(costs.slice(3, 53)), late: median(costs.slice(-50)) },
    };
  });
}
