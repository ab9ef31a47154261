// Finds programs, and installs some by the system's package manager. Plain JavaScript without dependencies,
// like the rest of the set-up.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const TIMEOUT_MS = 300_000;

/** These programs, by name and then by folder: those that can be run, of the PATH and the other folders. */
export function* findPrograms(names, { environment = process.env, first = [], last = [] } = {}) {
  const path = (environment.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const name of names) {
    for (const directory of [...first, ...path, ...last]) {
      const file = join(directory, name);
      try {
        accessSync(file, constants.X_OK);
        yield file;
      } catch {
        // Look in the next one.
      }
    }
  }
}

/** The first of these programs that can be run; undefined when there is none. */
export const findProgram = (names, where) => findPrograms(names, where).next().value;

/**
 * How apt installs packages: the words that announce it, and the commands to try in turn. The package lists
 * are updated only if they must be. Undefined where there is no apt.
 *
 * @param packages to be installed together
 * @param otherwise for systems that do not have these
 */
export function aptWay({ environment, isRoot }, packages, otherwise = []) {
  if (findProgram(['apt-get'], { environment }) === undefined) return undefined;
  const apt = [...(isRoot ? [] : ['sudo']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
  const options = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends'];
  const install = (those) => [...apt, ...options, ...those];
  return {
    words: `${isRoot ? '' : 'sudo '}apt-get install ${packages.join(' ')}`,
    steps: [
      install(packages),
      [...apt, 'update'],
      install(packages),
      ...(otherwise.length > 0 ? [install(otherwise)] : []),
    ],
  };
}

/** Runs the commands of a way until one has had success. @returns whether one had */
export function tryInTurn({ steps }, isThere, environment) {
  return steps.some(([command, ...args]) => {
    // sudo may ask for a password.
    spawnSync(command, args, { env: environment, stdio: ['inherit', 2, 2], timeout: TIMEOUT_MS });
    return isThere();
  });
}
