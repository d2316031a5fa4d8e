// npm run test:fuzz [-- --seeds N] [--from S] [--seed S] [--minutes M] [--mutants [NAME,…]]: worlds of servers, workers and
// clients, one per seed. Ends with 1 where something was not as it must be, and says which seed shows it again.
import { parseArgs } from 'node:util';
import { mutants } from './mutants.ts';
import { plant } from './plant.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    plant: { type: 'string' },
  },
});
const mutant = values.plant === undefined ? undefined : mutants.find(({ name }) => name === values.plant);
if (values.plant !== undefined && !mutant) throw new Error(`There is no mutant "${values.plant}".`);
const isPlanted = mutant ? plant(mutant) : () => true;
const seeds = Number(values.seeds);
const from = Number(values.from);

if (values.mutants) {
  const { hunt } = await import('./hunt.ts');
  process.exit((await hunt(positionals, { seeds: Math.min(seeds, 60), from })) ? 0 : 1);
}
// Whatever it plays with is loaded only now: with its fault, if there is to be one.
const { campaign } = await import('./campaign.ts');
const whole = await campaign({
  seeds: values.seed === undefined ? seeds : 1,
  from: values.seed === undefined ? from : Number(values.seed),
  ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
  aloud: values.seed !== undefined,
  shrinks: !mutant,
});
if (!isPlanted())
  throw new Error(`The fault ${mutant?.name} was never loaded: ${mutant?.file} is not part of a world.`);
process.exit(whole ? 0 : 1);
