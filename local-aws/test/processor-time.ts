/**
 * Milliseconds of processor time that something takes in this process: what other programs of the machine
 * take does not count. For bounds far above what is usual, which only another order of growth exceeds.
 */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
