import { readFileSync } from 'node:fs';

/** Bytes of a process that are resident now, as the kernel counts them. */
export function rssOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** µs of CPU that a process has used, user and system, in steps of 10 ms. */
export function cpuOf(pid: number): number {
  // After the name, which may hold anything, the 12th and 13th fields are utime and stime.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
