import { expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { Expiries } from './expiry.ts';

test('[HUB-34] connections end each at the time of its own token, also of one that was renewed, on one timer', () => {
  const clock = new SimulatedClock(0);
  const expiries = new Expiries(clock);
  const ended: [string, number][] = [];
  const make = (name: string, expires: number) => {
    const member = {
      expires,
      expire() {
        ended.push([name, clock.now()]);
        expiries.delete(member);
      },
    };
    expiries.add(member);
    return member;
  };
  make('b', 2_000);
  const renewed = make('renewed', 1_000);
  make('a', 1_000);
  make('left', 500);
  expiries.delete(make('gone', 700));
  clock.advance(900);
  renewed.expires = 5_000;
  expiries.add(renewed);
  clock.advance(10_000);
  expect(ended).toEqual([
    ['left', 500],
    ['a', 1_000],
    ['b', 2_000],
    ['renewed', 5_000],
  ]);
  make('late', clock.now() - 1);
  clock.advance(0);
  expect(ended.at(-1)).toEqual(['late', 10_900]);
});
