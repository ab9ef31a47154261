/** `1,234` */
export function integer(value: number): string {
  // A tenth of the work of `toLocaleString`, which loads the rules of all languages.
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 message`, `1,234 messages`; an irregular plural is given, as in `2 batches` */
export function count(value: number, noun: string, plural = `${noun}s`): string {
  return `${integer(value)} ${value === 1 ? noun : plural}`;
}

/** `1.2 MB`, in decimal units. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]}`;
}

/** Dollars: cents, or three digits below ten cents. */
export const dollars = (usd: number) => `$${usd.toFixed(usd > 0 && usd < 0.1 ? 3 : 2)}`;

/** `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `45 s`, `12 min`, `3 h`, `13 d`: one unit, for times that nobody needs to the second. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `17:43:18` by local time, or `17:43:18.139`; with its date if that is not today. */
export function timeOfDay(timestamp: number, exact = false): string {
  const at = new Date(timestamp);
  const two = (value: number) => `${value}`.padStart(2, '0');
  const seconds = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const time = exact ? `${seconds}.${`${at.getMilliseconds()}`.padStart(3, '0')}` : seconds;
  const today = at.toDateString() === new Date().toDateString();
  return today ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}
