const HOUR = 3_600_000;

/**
 * When the hourly maintenance takes a file for garbage that nothing names. All in milliseconds.
 *
 * `age`: how old the file must be; far longer than any function runs. `rejectsFor`: for how long after that
 * it looks at a file of rejects, which takes a request each time; several runs in a row may fail.
 */
export const garbage = { age: 24 * HOUR, rejectsFor: 6 * HOUR } as const;

/** Until when a file that nothing names may still be there, if the maintenance works. */
export const garbageIsGoneAfter = garbage.age + garbage.rejectsFor;
