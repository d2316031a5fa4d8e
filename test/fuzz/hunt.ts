import { availableParallelism } from 'node:os';
import { Process } from '../process.ts';
import { type Mutant, mutants } from './mutants.ts';

/** ms that one hunt may take */
const PATIENCE = 240_000;

/** Plants one fault after the other, each in a process of its own. True = each was caught within so many seeds. */
export async function hunt(
  names: readonly string[],
  { seeds, from }: { seeds: number; from: number },
): Promise<boolean> {
  const unknown = names.find((name) => mutants.every((mutant) => mutant.name !== name));
  if (unknown !== undefined) throw new Error(`There is no mutant "${unknown}".`);
  const waiting = mutants.filter(({ name }) => names.length === 0 || names.includes(name));
  const alive: string[] = [];
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { caught, told } = await chase(next, seeds, from);
      console.log(`${caught ? 'caught' : 'ALIVE '} ${next.name}: ${next.says}. ${told}`);
      if (!caught) alive.push(next.name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  console.log(alive.length === 0 ? 'Every fault was caught.' : `Not caught: ${alive.join(', ')}.`);
  return alive.length === 0;
}

/** Caught = a seed told of a fault; a process that ended for another reason has caught nothing. */
export async function chase(
  { name }: Pick<Mutant, 'name'>,
  seeds: number,
  from = 1,
): Promise<{ caught: boolean; told: string }> {
  const args = ['--plant', name, '--seeds', String(seeds), '--from', String(from)];
  const child = new Process('test/fuzz/main.ts', args);
  const patience = AbortSignal.timeout(PATIENCE);
  patience.addEventListener('abort', () => void child.kill(), { once: true });
  const code = await child.exited;
  const fault = /^FAULT of (seed \d+): \n {2}(.*)$/m.exec(child.output);
  if (code === 1 && fault) return { caught: true, told: `${fault[1]}: ${fault[2]}` };
  return { caught: false, told: child.output.trim().split('\n').slice(-3).join(' | ') };
}
